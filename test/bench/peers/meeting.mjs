// What both peers do for one session, as an application's handler would: read it with its tutor's connection,
// decrypt the access token, create the meeting over a kept connection, store the link. Shortest fair version:
// no refresh, no history, no look for what an earlier attempt may have made.
import { createDecipheriv, createHash } from 'node:crypto';
import { Pool } from 'undici';

const { STANDIN, ENCRYPTION_KEY, IN_FLIGHT } = process.env;
export const inFlight = Number(IN_FLIGHT);
const http = new Pool(STANDIN, { connections: inFlight });
const key = createHash('sha256').update(ENCRYPTION_KEY).digest();

const read = {
  name: 'read-session',
  text: `select s.scheduled_start_at, s.duration_minutes, c.access_token_encrypted as token
    from sessions s join tutor_video_provider_connections c on c.tutor_id = s.tutor_id and c.provider = s.provider
    where s.id = $1 and s.join_url is null and s.status in ('SCHEDULED', 'JOIN_OPEN') and c.is_active`,
};
const store = {
  name: 'store-link',
  text: 'update sessions set join_url = $2, meeting_external_id = $3, meeting_created_at = now() where id = $1 and join_url is null',
};

export async function makeLink(database, id) {
  const { rows: [session] } = await database.query({ ...read, values: [id] });
  if (!session) return;
  const meeting = await createMeeting(id, session);
  await database.query({ ...store, values: [id, meeting.join_url, String(meeting.id)] });
}

async function createMeeting(id, session) {
  const { statusCode, body } = await http.request({
    method: 'POST',
    path: '/v2/users/me/meetings',
    headers: { authorization: `Bearer ${decrypt(session.token)}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      topic: 'Session', type: 2, agenda: `ref:${id}`, start_time: session.scheduled_start_at, duration: session.duration_minutes,
    }),
  });
  const meeting = await body.json();
  if (statusCode !== 201) throw new Error(`HTTP ${statusCode}`);
  return meeting;
}

function decrypt(stored) {
  const [iv, text] = stored.split(':').map((part) => Buffer.from(part, 'hex'));
  const cipher = createDecipheriv('aes-256-cbc', key, iv);
  return Buffer.concat([cipher.update(text), cipher.final()]).toString();
}
