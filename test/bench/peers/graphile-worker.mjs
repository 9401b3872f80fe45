// graphile-worker with its throughput settings: jobs locked and completed in batches.
import { run } from 'graphile-worker';
import { createMeeting, inFlight, storeLink } from './meeting.mjs';

await run({
  connectionString: process.env.DATABASE,
  concurrency: inFlight,
  pollInterval: 1000,
  preset: {
    worker: {
      connectionString: process.env.DATABASE,
      maxPoolSize: 10,
      concurrentJobs: inFlight,
      pollInterval: 1000,
      localQueue: { size: Math.max(500, 2 * inFlight) },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  },
  taskList: {
    async link({ session }, helpers) {
      const meeting = await createMeeting(session);
      await helpers.withPgClient((client) =>
        client.query({ ...storeLink, values: [session, meeting.join_url, String(meeting.id)] }));
    },
  },
});
console.log('ready');
