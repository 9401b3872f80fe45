// graphile-worker with its throughput settings: jobs locked and completed in batches.
import { run } from 'graphile-worker';
import { inFlight, makeLink } from './meeting.mjs';

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
      // a client of the pool for each statement, not for as long as the provider takes
      const database = { query: (statement) => helpers.withPgClient((client) => client.query(statement)) };
      await makeLink(database, session);
    },
  },
});
console.log('ready');
