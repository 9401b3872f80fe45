# The extension is upgraded beside a running daemon, or taken away: the daemon says what to do and waits, no
# attempt is spent, and when the two fit again everything goes on by itself.
use strict;
use warnings;

use Meetlink::Http qw(address call);
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world  = Meetlink::World->new(no_daemon => 1, config => { sidecar => { poll_interval => '"200ms"' } });
my $daemon = $world->daemon;
$daemon->configure(sidecar => { name => '"daemon"', poll_interval => '"200ms"' }, http => { listen => '"127.0.0.1:0"' })->start;
my $ready = 'http://' . address($daemon) . '/readyz';
my $tutor = $world->tutor(name => 'Ann');
ok($world->link_of($tutor->book), 'at first all is well');
is(call($ready)->{status}, 200, 'and the daemon is ready');
my $version = $world->sql(q{select extversion from pg_extension where extname = 'meetlink'});

sub events { my ($event) = @_; return grep { $_->{event} eq $event } @{ $daemon->log } }
# As after ALTER EXTENSION meetlink UPDATE and meetlink.attach(), had this version of the extension the same functions.
sub installed
{
	return $world->sql("begin; update pg_extension set extversion = '$_[0]' where extname = 'meetlink'; update meetlink.attachment set generated_version = '$_[0]'; commit");
}
sub attempts { return $world->sql("select count(*) from meetlink.attempt where session_id = '$_[0]'") }

# --- ALTER EXTENSION UPDATE, and a session is being worked on
my $hold = $world->standin->fault(effect => 'hold_after', operation => 'create');
my $held = $tutor->book;
$world->standin->wait_for_held($hold);
installed('99.1');
wait_until('the daemon notices', sub { events('database_unfit') });
my ($said) = events('database_unfit');
like($said->{error}, qr/^the extension's version is 99\.1, this is meetlinkd \Q$version\E; hint: Install the same version of both; then: ALTER EXTENSION meetlink UPDATE/, 'and says what to do');
is($said->{level}, 'error', 'as an error');
my $answer = call($ready);
is($answer->{status}, 503, 'it is not ready');
like($answer->{json}{problem}, qr/^the extension's version is 99\.1/, 'and readyz says why');
like($world->sql(q{select concat_ws('; ', status, detail, hint) from meetlink.health() where check_name = 'daemon: daemon'}),
	qr/^error; .* waits, because version 99\.1 of the extension is installed; Install meetlinkd 99\.1, or, if its files are those of \Q$version\E, ALTER EXTENSION meetlink UPDATE\.$/,
	'so does health()');

my $session = $tutor->book;
my $beat = $world->sql('select clock_timestamp()');
$world->standin->release($hold);
wait_until('it keeps house twice', sub { $world->sql("select heartbeat_at > timestamptz '$beat' + interval '400 ms' from meetlink.daemon") eq 't' });
is($world->sql("select state || ' ' || attempts from meetlink.job where session_id = '$session'"), 'due 0', 'a session that is booked now waits, and no attempt is spent');
is(attempts($session), 0, 'nor recorded');
is($world->sql("select j.state || ' ' || (s.join_url is null) from sessions s join meetlink.job j on j.session_id = s.id::text where s.id = '$held'"), 'claimed true', 'an outcome that comes meanwhile is not written');
is($world->sql(q{select count(*) from pg_stat_activity where usename = 'meetlinkd' and query ~ 'meetlink.(settle|renew)\('}), 0, 'nor its claim renewed, so that a daemon that fits may take it over');
my $retry = $world->retry($session);
is("$retry->{status} $retry->{reason}", 'queued pending', 'a retry by hand is queued');
like($retry->{message}, qr/daemon/, 'and does not wait, because no daemon that fits is running');

installed($version);
ok($world->link_of($_), 'the versions fit again: the link comes') for $session, $held;
is(attempts($_), 1, 'with the first attempt') for $session, $held;
is(scalar @{ $world->standin->meetings($_) }, 1, 'and there is one meeting') for $session, $held;
wait_until('the daemon is ready again', sub { call($ready)->{status} == 200 });
is(scalar(events('database_unfit')), 1, 'the trouble was told once');

# --- a function that the daemon calls is not there: it is looked at what is installed, at once
$world->sql(q{begin; alter function meetlink.housekeep rename to housekeep_99; update pg_extension set extversion = '99.2' where extname = 'meetlink'; commit});
wait_until('the daemon notices', sub { events('database_unfit') > 1 });
like((events('database_unfit'))[1]{error}, qr/version is 99\.2/, 'a statement that does not fit: the daemon looks, and says what is the matter');
$session = $tutor->book;
$world->sql("begin; alter function meetlink.housekeep_99 rename to housekeep; update pg_extension set extversion = '$version' where extname = 'meetlink'; commit");
ok($world->link_of($session), 'and goes on when it is put right');
is(attempts($session), 1, 'with the first attempt');

is($daemon->stop, 0, 'the daemon ends well');
done_testing();
