-- Reasons: every one says who acts, what to do and what follows, and nobody but meetlink writes them.
select no_plan();

select isnt_empty('select from meetlink.reason', 'there are reasons');
select is_empty($$
    select code from meetlink.reason
    where title = '' or advice = '' or action = '' or title ~ '\.$' or advice !~ '\.$' or code !~ '^[a-z]+(_[a-z]+)*$'
    $$, 'each has a title, an advice that is a sentence, an action, and a code in snake case');
select is_empty($$
    select code, acts, disposition from meetlink.reason
    where disposition = 'block' and acts = 'nobody'
    $$, 'whatever waits for a person says for whom');
select is_empty($$
    select code from meetlink.reason where acts = 'nobody' and action not in ('wait', 'none')
    $$, 'where nobody acts, nothing is asked of anybody');
select is_empty($$
    select code from meetlink.reason where min_delay > '0' and disposition <> 'retry'
    $$, 'only retries have a shortest delay');
select is_empty($$
    select code, http_status from meetlink.reason
    where (http_status = 401) <> (action in ('connect_provider', 'disconnect_reconnect'))
    $$, 'the retry endpoint answers 401 exactly when the tutor must (re)connect (APP.md)');
select is_empty($$
    select code from meetlink.reason where action = 'disconnect_reconnect' and (scope <> 'connection' or acts <> 'tutor')
    $$, 'a reconnect is asked of the tutor, for the whole connection');
select is((select disposition from meetlink.reason where code = 'session_over'), 'give_up', 'only a session that is over is given up');
select is((select count(*) from meetlink.reason where disposition = 'give_up'), 1::bigint, 'and nothing else is');

select throws_ok($$insert into meetlink.reason values ('x', 't', 'somebody', 'retry', 'session', '0', 'a', 'b', 500)$$,
    '23514', null, 'an unknown person is refused');
select throws_ok($$insert into meetlink.reason values ('x', 't', 'tutor', 'perhaps', 'session', '0', 'a', 'b', 500)$$,
    '23514', null, 'an unknown disposition is refused');
select throws_ok($$insert into meetlink.reason values ('x', 't', 'tutor', 'retry', 'world', '0', 'a', 'b', 500)$$,
    '23514', null, 'an unknown scope is refused');

set role meetlink_operator;
select isnt_empty('select code, advice from meetlink.reason', 'an operator reads them');
select throws_ok('delete from meetlink.reason', '42501', null, 'an operator cannot change them');
reset role;

select * from finish();
