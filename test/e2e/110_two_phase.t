# Two-phase commit: a prepared booking has no job until COMMIT PREPARED, and none after ROLLBACK PREPARED.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Meetlink::Database;

my $node = start_server('two_phase');
my $listener = listener($node);
my $jobs = 'select count(*) from meetlink.job';

$node->safe_psql('postgres', q{begin; select fixture.book(1); prepare transaction 'booking'});
is($node->safe_psql('postgres', $jobs), 0, 'a prepared booking shows no job');
is(rings($listener), 0, 'and rings nothing');
$node->restart;
$listener->quit;
$listener = listener($node);
$node->safe_psql('postgres', q{commit prepared 'booking'});
is($node->safe_psql('postgres', $jobs), 1, 'its job is there with COMMIT PREPARED, even after a restart');
is($node->safe_psql('postgres', "select due from meetlink.housekeep(1, 0, null)"), 't', 'where the poll finds it');

$node->safe_psql('postgres', q{begin; select fixture.book(2); update public.sessions set status = 'CANCELLED' where id = fixture.session(1);
	prepare transaction 'booking'});
$node->safe_psql('postgres', q{rollback prepared 'booking'});
is($node->safe_psql('postgres', "select session_id = fixture.session(1)::text from meetlink.job"), 't',
	'after ROLLBACK PREPARED everything is as before');

# the same database session rings again afterwards, once
my $session = $node->background_psql('postgres');
$session->query_safe(q{begin; select fixture.book(3); prepare transaction 'booking'});
$session->query_safe('create table public.unrelated ()');
is(rings($listener), 0, 'a ring that could not be queued is not kept for another transaction');
$session->query_safe(q{commit prepared 'booking'});
$session->query_safe('select fixture.book(4)');
is(rings($listener), 1, 'the next booking rings');
$session->quit;

# a prepared cancellation holds its job: nobody waits for it
my $daemon = daemon_id($node, 'd');
$node->safe_psql('postgres', q{begin; update public.sessions set status = 'CANCELLED' where id = fixture.session(1); prepare transaction 'cancellation'});
is($node->safe_psql('postgres', "set statement_timeout = '30s'; select count(*) from meetlink.claim($daemon, 10, '1 minute')"), 2,
	'the daemon claims around a prepared transaction');
$node->safe_psql('postgres', q{commit prepared 'cancellation'});
is($node->safe_psql('postgres', "$jobs where state <> 'claimed'"), 0, 'and the cancelled session has no job');

$listener->quit;
$node->stop;
done_testing();
