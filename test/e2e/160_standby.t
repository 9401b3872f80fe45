# A standby: a daemon that is pointed at one gets a clear error; after the promotion it works there.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Meetlink::Database;

my $primary = start_server('primary', init => { allows_streaming => 1 });
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', 'select fixture.book(1)');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($standby->safe_psql('postgres', 'select state from meetlink.stuck_sessions'), 'due', 'a standby shows what is stuck');
my ($status, undef, $error) = $standby->psql('postgres', q{\set VERBOSITY verbose
set role meetlink_sidecar; select meetlink.register_daemon('d', '0.1')});
isnt($status, 0, 'a daemon cannot register there');
like($error, qr/25006: cannot execute INSERT in a read-only transaction/, 'the error says that the server is read-only');
(undef, undef, $error) = $standby->psql('postgres', q{select retry_meeting_link('10000000-0000-0000-0000-000000000001')});
like($error, qr/cannot execute retry_meeting_link\(\) during recovery/, 'nor can anybody retry there');
is($standby->safe_psql('postgres', q{select (select count(*) > 0 from meetlink.health()), (select event from meetlink.explain('10000000-0000-0000-0000-000000000001') limit 1),
	(select reason from meetlink.forecast('2 days'))}), 't|verdict|no_daemon', 'but every question is answered');

$primary->stop('immediate');
$standby->promote;
my $daemon = daemon_id($standby, 'd');
is($standby->safe_psql('postgres', "select session_id from meetlink.claim($daemon, 10, '1 minute')"), '10000000-0000-0000-0000-000000000001',
	'after its promotion a daemon claims what was committed on the former primary');

$standby->stop;
done_testing();
