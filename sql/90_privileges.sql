-- Who may call what. Nothing is for everybody; generated objects are granted where they are generated.

revoke all on all functions in schema meetlink from public;
revoke all on all sequences in schema meetlink from public;

grant select on meetlink.reason to meetlink_sidecar, meetlink_operator, meetlink_gateway;
grant select on meetlink.attempt, meetlink.orphan, meetlink.daily_use to meetlink_operator;
grant execute on function meetlink.over_at(timestamptz, timestamptz) to meetlink_operator;

-- The daemon's work, in the order in which a row travels.
grant execute on function
    meetlink.require_attachment(),
    meetlink.register_daemon(text, text, text[]),
    meetlink.unregister_daemon(bigint),
    meetlink.claim(bigint, integer, interval, text[], timestamptz),
    meetlink.claim_jobs(bigint, integer, interval, text[], timestamptz),
    meetlink.within_budget(bigint, meetlink.job[], timestamptz),
    meetlink.retire_claims(bigint, bigint[], text[]),
    meetlink.renew(bigint, bigint[], interval),
    meetlink.begin_refresh(bigint, text, text, interval),
    meetlink.take_refresh_lease(bigint, text, text, interval),
    meetlink.store_tokens(bigint, text, text, bigint, text, text, text, text, interval, interval, text),
    meetlink.end_refresh(bigint, text, text, bigint, text, text, boolean),
    meetlink.finish_refresh(bigint, text, text, bigint, text, text, interval, boolean, bigint, text),
    meetlink.ask_with(text, text, bigint, bigint, bigint), meetlink.retake_refresh(bigint, text, text, bigint, interval, bigint, text),
    meetlink.disconnect(bigint, text, text, bigint, text, text, text, text),
    meetlink.block_jobs(text, text, text, text, bigint),
    meetlink.release_refresh(bigint, text, text, bigint, bigint),
    meetlink.replace_ciphertext(bigint, text, text, bigint, text, text, text, text),
    meetlink.refreshes_due(integer, interval, jsonb),
    meetlink.settle(bigint, jsonb),
    meetlink.hold_claims(bigint, jsonb), meetlink.lost_claims(bigint, jsonb), meetlink.reconnected_meanwhile(jsonb),
    meetlink.record_links(bigint, jsonb, jsonb), meetlink.has_rows(regclass),
    meetlink.record_others(bigint, jsonb, bigint[], meetlink.job[], bigint[], jsonb, bigint[]),
    meetlink.draw_conclusions(bigint, jsonb, meetlink.job[], bigint[], jsonb, bigint[]),
    meetlink.tell_readers(jsonb), meetlink.expect_readers(interval),
    meetlink.session_marks(text[]), meetlink.job_marks(text[]), meetlink.console_mark(),
    meetlink.claim_orphans(integer, interval, text[]),
    meetlink.take_orphans(integer, interval, text[]),
    meetlink.may_cancel(bigint, bigint, text, text),
    meetlink.holds_orphan(bigint, bigint),
    meetlink.settle_orphan(bigint, bigint, bigint, text, text, text, integer, text, text, interval),
    meetlink.housekeep(bigint, integer, text, interval, jsonb),
    meetlink.sweep(integer, bigint), meetlink.note_sweep(bigint, interval),
    meetlink.correct_drift(jsonb),
    meetlink.give_up_over(),
    meetlink.prune(),
    meetlink.prune_orphans(),
    meetlink.prune_budget(), meetlink.offer_rest_of_budget(timestamptz),
    meetlink.over_at(timestamptz, timestamptz),
    meetlink.job_counts()
to meetlink_sidecar;

-- Diagnosis and bulk retry, for operators.
grant execute on function
    meetlink.retry_stuck(text, text, text, integer),
    meetlink.health(),
    meetlink.explain(text), meetlink.explain(uuid), meetlink.explain(bigint),
    meetlink.utc(timestamptz), meetlink.ms(jsonb, text), meetlink.daemon_name(bigint), meetlink.own_key(text), meetlink.job_of(text), meetlink.blocked_at(meetlink.job), meetlink.daemon_alive(), meetlink.swept(), meetlink.served_providers(),
    meetlink.forecast(interval)
to meetlink_operator;

-- Retrying: who may retry which session is decided inside. Attach grants it to the roles in grant_to.
grant execute on function
    meetlink.retry(text, interval), meetlink.retry(uuid, interval), meetlink.retry(bigint, interval),
    public.retry_meeting_link(text, interval), public.retry_meeting_link(uuid, interval),
    public.retry_meeting_link(bigint, interval)
to meetlink_operator;
revoke all on function
    public.retry_meeting_link(text, interval), public.retry_meeting_link(uuid, interval),
    public.retry_meeting_link(bigint, interval)
from public;

-- HTTP: the gateway finds out who may be served, and serves under that role; the bulk form as an operator.
grant usage on schema meetlink to meetlink_gateway;
grant execute on function meetlink.request_roles(), meetlink.http_status(jsonb) to meetlink_gateway;
grant execute on function
    meetlink.request_missing(), meetlink.newest_attempt(), meetlink.outcomes(text[], bigint),
    meetlink.request_retry(text, text, text, timestamptz, timestamptz),
    meetlink.job_state(text), meetlink.answer(text, jsonb, jsonb, boolean)
to meetlink_operator;

-- The pages: the gateway gets the statements, the caller's role runs them, an operator completes what they found.
grant execute on function meetlink.session_queries(boolean), meetlink.normal_keys(text[], integer) to meetlink_gateway;
grant execute on function
    meetlink.session_object(jsonb, text, boolean), meetlink.session_page(jsonb, text, boolean, integer, bigint),
    meetlink.session_detail(jsonb, text, boolean), meetlink.timeline(text), meetlink.connection_object(text, text),
    meetlink.iso(timestamptz),
    meetlink.console_overview(), meetlink.console_counts(), meetlink.console_daemons(),
    meetlink.console_stuck(text, integer, text), meetlink.console_keys(text, timestamptz, text, integer),
    meetlink.console_connections(integer, text), meetlink.console_charts(text)
to meetlink_operator;
