-- Reasons: every way in which a session can be without its link, in one table.
--
-- The daemon says what happened (a code of this table); the columns here say what follows from it.
-- The daemon's names are in sidecar/src/reason.hpp; test/unit compares the two.

create table meetlink.reason (
    code         text primary key,
    title        text not null,
    acts         text not null check (acts in ('nobody', 'tutor', 'administrator', 'operator', 'developer')),
    disposition  text not null check (disposition in ('retry', 'block', 'give_up')),
    scope        text not null check (scope in ('session', 'connection', 'provider')),
    min_delay    interval not null default '0',
    action       text not null,
    advice       text not null,
    http_status  integer not null check (http_status between 400 and 599)
);

comment on table meetlink.reason is
    'Every reason for a missing meeting link: what it means, who must act, what to do, and whether meetlink tries again by itself.';
comment on column meetlink.reason.code is 'Stable name, used in jobs, attempts, logs, metrics and answers.';
comment on column meetlink.reason.title is 'What happened, for people.';
comment on column meetlink.reason.acts is 'Who must act: nobody, tutor, administrator (of the tutor''s organisation), operator, developer.';
comment on column meetlink.reason.disposition is
    'retry: meetlink tries again by itself. block: waits for a person, or for the cause to change. give_up: a new attempt cannot help.';
comment on column meetlink.reason.scope is
    'What shares the cause: this session alone, every session of this owner''s connection, or every session of this provider.';
comment on column meetlink.reason.min_delay is 'Shortest time to the next attempt; backoff may make it longer.';
comment on column meetlink.reason.action is 'The same advice as a word for programs.';
comment on column meetlink.reason.advice is 'What the acting person should do.';
comment on column meetlink.reason.http_status is 'Status with which the retry endpoint answers.';

insert into meetlink.reason (code, title, acts, disposition, scope, min_delay, action, advice, http_status) values
-- the tutor's connection
('no_connection',          'No account is connected for this provider',
 'tutor', 'block', 'connection', '0', 'connect_provider',
 'Connect an account of the session''s provider in Settings.', 401),
('connection_inactive',    'The connected account is marked as disconnected',
 'tutor', 'block', 'connection', '0', 'disconnect_reconnect',
 'Reconnect the video provider in Settings.', 401),
('token_missing',          'The connection holds no usable token',
 'tutor', 'block', 'connection', '0', 'disconnect_reconnect',
 'Reconnect the video provider in Settings, and agree to offline access.', 401),
('grant_revoked',          'The provider no longer accepts the refresh token',
 'tutor', 'block', 'connection', '0', 'disconnect_reconnect',
 'Reconnect the video provider in Settings.', 401),
('grant_response_lost',    'A refreshed token was lost on its way and the old one is no longer accepted',
 'tutor', 'block', 'connection', '0', 'disconnect_reconnect',
 'Reconnect the video provider in Settings.', 401),
('reauth_policy',          'The organisation''s sign-in policy ended the grant',
 'tutor', 'block', 'connection', '0', 'disconnect_reconnect',
 'Reconnect the video provider; to stop this from recurring, the Workspace administrator must trust the application.', 401),
('token_rejected',         'The provider rejects a token that was just refreshed',
 'tutor', 'block', 'connection', '0', 'disconnect_reconnect',
 'Reconnect the video provider in Settings.', 401),
('scope_missing',          'The tutor did not allow access to the calendar or to meetings',
 'tutor', 'block', 'connection', '0', 'disconnect_reconnect',
 'Reconnect the video provider and tick every permission on the consent screen.', 401),
('account_gone',           'The provider does not know the connected account any more',
 'tutor', 'block', 'connection', '0', 'disconnect_reconnect',
 'Reconnect with an account that still exists.', 401),
-- the tutor's plan, role or calendar
('meet_unavailable',       'Google Meet cannot be created in this account''s calendar',
 'tutor', 'block', 'connection', '0', 'check_account',
 'Use a calendar and an account for which Google Meet is turned on.', 502),
('calendar_forbidden',     'The account may not write to this calendar',
 'tutor', 'block', 'connection', '0', 'check_account',
 'Connect an account that may create events in its primary calendar.', 502),
('hosting_not_allowed',    'The account may not host or schedule meetings',
 'tutor', 'block', 'connection', '0', 'check_account',
 'Ask the Zoom account''s administrator for a role or licence that may schedule meetings.', 502),
('plan_required',          'The provider offers this only to paid accounts',
 'tutor', 'block', 'connection', '0', 'check_account',
 'Upgrade the provider account, or connect another one.', 502),
('blocked_by_admin',       'The tutor''s organisation does not allow this application',
 'administrator', 'block', 'connection', '0', 'ask_administrator',
 'The organisation''s administrator must allow the application; then reconnect.', 502),
-- the operator
('client_rejected',        'The provider rejects the application''s client id or secret',
 'operator', 'block', 'provider', '0', 'contact_support',
 'Check the client id and secret of this provider in the configuration of meetlinkd, and that the application still exists.', 502),
('app_scope_missing',      'The application lacks a permission at the provider',
 'operator', 'block', 'connection', '0', 'contact_support',
 'Add the scope named in the detail to the application in the provider''s console; then tutors reconnect.', 502),
('api_disabled',           'The provider''s API is turned off for the application',
 'operator', 'block', 'provider', '0', 'contact_support',
 'Turn the Calendar API on in the Google Cloud project of the client id.', 502),
('provider_not_configured', 'meetlinkd has no client id and secret for this provider',
 'operator', 'block', 'provider', '0', 'contact_support',
 'Set client_id and client_secret of this provider in the configuration of meetlinkd.', 502),
('unknown_provider',       'The session names a provider that meetlink does not know',
 'operator', 'block', 'session', '0', 'contact_support',
 'Correct the session''s provider; known are google_meet and zoom.', 502),
('token_undecryptable',    'The stored token cannot be decrypted with the configured key',
 'operator', 'block', 'connection', '0', 'contact_support',
 'Set tokens.encryption_key to the key the application encrypts with (or add the former key to tokens.previous_keys).', 502),
('token_malformed',        'The stored token is not in a format that meetlink reads',
 'operator', 'block', 'connection', '0', 'contact_support',
 'Compare the stored ciphertext with the formats in README.md; it was written by something else, or cut off.', 502),
('invalid_schedule',       'The session''s start and end do not make a meeting',
 'operator', 'block', 'session', '0', 'contact_support',
 'Give the session a start, and an end (or a duration) after its start.', 502),
('quota_exceeded',         'The provider''s quota for the application is used up',
 'operator', 'retry', 'provider', '1 hour', 'wait',
 'Nothing now, it is tried again; ask the provider for a higher quota if it recurs.', 502),
-- meetlink itself, or the provider's answers
('request_rejected',       'The provider rejects the request as wrong',
 'developer', 'block', 'session', '0', 'contact_support',
 'Report the detail to the developers of meetlink: the request does not fit the provider''s API.', 502),
('link_missing',           'The provider answered success without a link',
 'developer', 'retry', 'session', '1 minute', 'wait',
 'Nothing now, it is tried again; report it if it recurs.', 502),
('link_rejected',          'The provider''s link is not https on one of its own domains',
 'operator', 'block', 'session', '0', 'contact_support',
 'If the domain in the detail is right, add it to link_hosts of this provider in the configuration of meetlinkd.', 502),
('answer_unreadable',      'The provider''s answer cannot be read',
 'nobody', 'retry', 'session', '0', 'wait',
 'Nothing, it is tried again.', 502),
('wrong_meeting',          'The provider answered with a meeting of another session',
 'developer', 'block', 'session', '0', 'contact_support',
 'Report the detail to the developers of meetlink; no link was stored.', 502),
('meeting_vanished',       'The meeting was created but cannot be found any more',
 'nobody', 'retry', 'session', '0', 'wait',
 'Nothing, a new one is created.', 502),
('conference_pending',     'Google is still making the conference',
 'nobody', 'retry', 'session', '2 seconds', 'wait',
 'Nothing, it is looked up again.', 504),
('rate_limited',           'The provider asks to slow down',
 'nobody', 'retry', 'connection', '1 second', 'wait',
 'Nothing, it is tried again.', 502),
('daily_limit',            'The account has reached the provider''s limit of meetings for one day',
 'nobody', 'retry', 'connection', '1 minute', 'wait',
 'Nothing, it goes on at 00:00 UTC.', 502),
('provider_unavailable',   'The provider answers with an error of its own',
 'nobody', 'retry', 'session', '0', 'wait',
 'Nothing, it is tried again.', 502),
('provider_timeout',       'The provider did not answer in time',
 'nobody', 'retry', 'session', '0', 'wait',
 'Nothing, it is tried again.', 504),
('network_error',          'The provider could not be reached',
 'nobody', 'retry', 'session', '0', 'wait',
 'Nothing, it is tried again.', 504),
('refresh_busy',           'Another process is refreshing this connection''s token',
 'nobody', 'retry', 'session', '1 second', 'wait',
 'Nothing, it is tried again.', 504),
('daemon_lost',            'The daemon that worked on this session stopped answering',
 'nobody', 'retry', 'session', '0', 'wait',
 'Nothing, another daemon has taken over.', 504),
('write_rejected',         'The application''s table rejects the link',
 'operator', 'retry', 'session', '1 minute', 'contact_support',
 'See the detail: a constraint or trigger on the sessions table raised an error when the link was written.', 502),
('internal_defect',        'meetlink itself failed',
 'developer', 'retry', 'session', '1 minute', 'contact_support',
 'Report the detail to the developers of meetlink; it is tried again meanwhile.', 502),
('session_over',           'The session ended before a link could be made',
 'nobody', 'give_up', 'session', '0', 'none',
 'Nothing can be done for this session; earlier attempts say what went wrong.', 502);

revoke all on meetlink.reason from public;
