-- When to try again: bounds of the backoff for the least and the most luck, near the start and after it.
select no_plan();

-- n-th attempt made at noon for a session that starts `ahead` later: seconds until the next one
create function wait(attempts integer, ahead interval, luck float8, min_delay interval default '0', retry_after interval default null)
returns numeric
language sql as
$$
    select round(extract(epoch from meetlink.next_attempt_at(attempts, n + ahead, min_delay, retry_after, luck, n) - n), 3)
    from (values (timestamptz '2026-01-01 12:00+00')) v(n)
$$;

select is(wait(1, '30 days', 0), 0.5, 'first: half a second with no luck');
select is(wait(1, '30 days', 0.9999999), 1.0, 'first: a second at most');
select is(wait(2, '30 days', 0), 1.0, 'second: doubled');
select is(wait(5, '30 days', 0.9999999), 16.0, 'fifth: 16 s at most');
select is(wait(10, '30 days', 0.9999999), 512.0, 'tenth: 512 s at most');
select is(wait(11, '30 days', 0), 450.0, 'eleventh: capped, 7.5 min at least');
select is(wait(11, '30 days', 0.9999999), 900.0, 'eleventh: capped, 15 min at most');
select is(wait(2147483647, '30 days', 0.9999999), 900.0, 'the cap holds for any number of attempts');
select is(wait(0, '30 days', 0), 0.5, 'none yet counts as the first');
select is(wait(-5, '30 days', 0), 0.5, 'nor do negative numbers break it');

select is(wait(20, '1 hour', 0.9999999), 360.0, 'an hour before: a tenth of the time to the start');
select is(wait(20, '10 minutes', 0.9999999), 60.0, 'ten minutes before: a minute');
select is(wait(20, '3 minutes', 0.9999999), 18.0, 'three minutes before: 18 s');
select is(wait(20, '92 seconds', 0.9999999), 2.0, 'never beyond the last call, 90 s before the start');
select is(wait(20, '95 seconds', 0), 4.75, 'unless the backoff is shorter anyway');
select is(wait(20, '80 seconds', 0.9999999), 8.0, 'after the last call, a tenth again');
select is(wait(20, '20 seconds', 0.9999999), 5.0, 'but not denser than 5 s');
select is(wait(20, '-30 minutes', 0.9999999), 5.0, 'every 5 s while the session runs');
select is(wait(20, '-30 minutes', 0), 2.5, 'or half of it');
select ok((select bool_and(wait(n, make_interval(secs => s), luck) <= greatest(s - 90, 5, s / 10.0))
           from generate_series(1, 15) n, generate_series(-1000, 20000, 250) s, unnest(array[0, 0.5, 0.999]) luck),
    'for no number of attempts, time and luck does it jump over the last call');

select is(wait(1, '30 days', 0, '1 hour'), 3600.0, 'the reason''s shortest delay wins');
select is(wait(1, '1 minute', 0, '1 hour'), 3600.0, 'even over the start');
select is(wait(1, '30 days', 0, '0', '120 s'), 120.0, 'Retry-After wins');
select is(wait(1, '2 minutes', 0, '0', '10 minutes'), 600.0, 'even over the start');
select is(wait(20, '30 days', 0.9999999, '0', '1 s'), 900.0, 'a shorter Retry-After does not shorten the backoff');
select is(wait(1, '30 days', 0, '0', '-10 s'), 0.5, 'nor does a negative one');
select is(wait(1, '30 days', 0, '0', '400 days'), 86400.0, 'a day is the longest that a provider may ask for');
select is(wait(1, '30 days', 0, null, null), 0.5, 'unknown delays are none');

select is(wait(20, null, 0.9999999), 900.0, 'without a start, only the longest cap counts');
select is(meetlink.next_attempt_at(20, 'infinity', '0', null, 0, '2026-01-01 12:00+00'), '2026-01-01 12:07:30+00',
    'a session that never starts waits like a far one');
select is(meetlink.next_attempt_at(20, '-infinity', '0', null, 0, '2026-01-01 12:00+00'), '2026-01-01 12:07:30+00',
    'and one that always has started does not fail');
select ok(meetlink.next_attempt_at(1, now() + interval '1 day', '0', null) between clock_timestamp() + '0.4 s' and clock_timestamp() + '1 s',
    'from now, with real luck, when nothing else is said');
select ok((select count(distinct meetlink.next_attempt_at(5, '2027-01-01', '0', null, at => '2026-01-01')) > 1 from generate_series(1, 20)),
    'luck differs from call to call');

select is(meetlink.over_at('2026-01-01 12:00+00', '2026-01-01 13:30+00'), '2026-01-01 13:30+00', 'over at its end');
select is(meetlink.over_at('2026-01-01 12:00+00', null), '2026-01-01 13:00+00', 'without an end, an hour after its start');
select is(meetlink.over_at('2026-01-01 12:00+00', '2026-01-01 12:00+00'), '2026-01-01 13:00+00', 'an end that is none likewise');
select is(meetlink.over_at('2026-01-01 12:00+00', '2026-01-01 11:00+00'), '2026-01-01 13:00+00', 'an end before the start likewise');
select is(meetlink.over_at(null, null), 'infinity', 'without start and end, never');
select is(meetlink.over_at(null, '2020-01-01'), 'infinity', 'an end alone says nothing');

select * from finish();
