// pg-boss with large batches (the HTTP pool bounds what is in flight), and several workers so that one
// always has jobs while another fetches.
import PgBoss from 'pg-boss';
import pg from 'pg';
import { inFlight, makeLink } from './meeting.mjs';

const database = new pg.Pool({ connectionString: process.env.DATABASE, max: 10 });
const boss = new PgBoss({ connectionString: process.env.DATABASE, max: 10 });
await boss.start();
await boss.createQueue('link');
const workers = 4;
for (let worker = 0; worker < workers; worker++) {
  await boss.work('link', { batchSize: 500, pollingIntervalSeconds: 0.5 }, (jobs) =>
    Promise.all(jobs.map(({ data: { session } }) => makeLink(database, session))));
}
console.log('ready');
