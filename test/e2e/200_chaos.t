# Everything at once: several daemons that are killed and paused, a primary that crashes and fails over to its
# synchronous standby, a provider that loses, delays and garbles answers, and an application that books,
# cancels, moves, links by hand and refreshes tokens meanwhile. Then the trouble stops, and nothing may be missing, doubled or left over.
#
# make chaos SEED=... SECONDS=... repeats the choices of a run; a short one is part of make check.
use strict;
use warnings;

use JSON::PP qw(encode_json);
use List::Util qw(first);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use Meetlink::Chaos;
use Meetlink::Ciphertext qw(decrypt_cbc);
use Meetlink::Daemon;
use Meetlink::Pair;
use Meetlink::Standin;
use Meetlink::Tutor;
use Meetlink::Wait qw(wait_until);

my $seed    = $ENV{MEETLINK_CHAOS_SEED}    || 1 + int rand 1e6;
my $seconds = $ENV{MEETLINK_CHAOS_SECONDS} || ($ENV{MEETLINK_LONG_TESTS} ? 300 : 60);
diag "chaos for $seconds s: make chaos SEED=$seed SECONDS=$seconds";

my $folder = "$PostgreSQL::Test::Utils::tmp_check/chaos";
mkdir $folder;
my $pair    = Meetlink::Pair->new;
my $standin = Meetlink::Standin->new(folder => $folder);
$standin->admin(PATCH => 'settings', { record_capacity => 100000 });
my @daemons = map {
	Meetlink::Daemon->new(
		folder => $folder, name => "daemon-$_", standin => $standin, conninfo => $pair->conninfo('meetlinkd'),
		config => { sidecar => { http_timeout => '"2s"', lease => '"5s"', poll_interval => '"500ms"', http_version => $_ == 1 ? '"1.1"' : '"2"' } })
} 1 .. 3;
my @tutors = map {
	my ($number, $provider) = ($_, $_ % 2 ? 'zoom' : 'google_meet');
	Meetlink::Tutor->new(
		sql => sub { $pair->sql(@_) }, standin => $standin, key => 'test key', name => "Tutor$number", provider => $provider,
		# most accounts forgive a refresh whose answer got lost; the first does not
		account_options => $provider eq 'zoom' ? { rotation_grace_s => $number == 1 ? 0 : 86400, daily_limit => 0 } : {})
} 1 .. 10 + $seconds / 10;    # enough for the daily budgets of Zoom accounts
$_->start for @daemons;
my $chaos = Meetlink::Chaos->new(seed => $seed, pair => $pair, standin => $standin, daemons => \@daemons, tutors => \@tutors);

# --- the trouble
my $end = time() + $seconds;
my ($next_fault, $next_strike) = (0, time() + 2);
while (time() < $end)
{
	$chaos->application;
	if (time() > $next_fault)  { $chaos->change_faults; $next_fault = time() + 4 }
	if (time() > $next_strike) { $chaos->strike;        $next_strike = time() + 1 + rand 4 }
	$chaos->resume_paused;
	my $dead = first { !$_->process->is_running } @daemons;
	die "$dead->{name} ended by itself:\n" . substr($dead->log_text, -3000) if $dead;
	sleep 0.05;
}

# --- it stops
$chaos->stop_faults;
$chaos->resume_paused('all');
# What a fault delays is carried out when its client may long be gone; hurry() below brings forward the looks that are
# late for this very reason.
wait_until('no create of that time is under way', sub { !$standin->under_way('create') });
my %forgives = map { ($_->id => $_->{provider} ne 'zoom' || $_->{account_options}{rotation_grace_s}) } @tutors;
# Time is not what is tested: what waits, or is leased to a daemon that died, need not be waited for.
sub hurry
{
	$pair->sql(q{
		update meetlink.job set due_at = now() where state = 'waiting';
		update meetlink.orphan set due_at = least(due_at, now()) where lease_until is null or lease_until < now() + interval '100 s';
		select meetlink.sweep()});
	for my $lost (split /\n/, $pair->sql(q{select tutor_id from tutor_video_provider_connections where not is_active or connection_status <> 'connected'}))
	{
		ok(0, "the connection of $lost works: the provider did not end it") unless $chaos->{revoked}{$lost} || !$forgives{$lost};
		$chaos->reconnect($lost);
	}
	$chaos->reconnect($_) for keys %{ $chaos->{revoked} };
	return;
}
my $left = q{select count(*) from sessions where join_url is null and status in ('SCHEDULED', 'JOIN_OPEN')};
my $calm = eval {
	wait_until('every session has its link and nothing is left to do',
		sub {
			hurry();
			$pair->sql("select ($left) + (select count(*) from meetlink.job) + (select count(*) from meetlink.orphan)") == 0 or do { sleep 0.5; 0 };
		}, 90);
};
ok($calm, 'every session that should have a link has one, and no job and no orphan is left');

# --- what is there now
my (%live, @wrong);
for my $meeting (@{ $standin->admin(GET => 'meetings')->{meetings} })
{
	next if $meeting->{deleted};
	my $key = ($meeting->{resource}{agenda} // '') =~ /for session (\S+?)\./ ? $1 : $meeting->{tag};
	push @{ $live{$key} }, $meeting->{id};
}
my @sessions = map { [ split /\|/, $_, 4 ] }
  split /\n/, $pair->sql(q{select id, status, coalesce(join_url, ''), coalesce(meeting_external_id, '') from sessions});
for my $session (@sessions)
{
	my ($id, $status, $link, $meeting) = @$session;
	my $there    = join ' ', @{ delete $live{$id} // [] };
	my $expected = $link =~ /by-hand/ ? '' : $meeting;
	push @wrong, [ $id, "$status, link '$link', meeting '$meeting', but there is '$there'" ] if $there ne $expected;
	push @wrong, [ $id, "$status, without a link" ] if !$link && $status ne 'CANCELLED';
}
push @wrong, map { [ $_, "no such session, but there is @{ $live{$_} }" ] } keys %live;
is(scalar @wrong, 0, 'each session has exactly one live meeting, its own (none, when it was linked by hand), and no other meeting lives');
for my $case (@wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ])
{
	my ($id, $what) = @$case;
	diag "session $id: $what\n", $pair->sql("select * from meetlink.explain('$id')"), "\njob: ",
	  $pair->sql("select j from meetlink.job j where session_id = '$id'"), "\norphans: ", $pair->sql("select o from meetlink.orphan o where session_id = '$id'"),
	  "\nrequests:\n", map { encode_json($_) . "\n" } @{ $standin->requests(contains => $id)->{requests} };
}
if (!$calm)
{
	diag "left: ", $pair->sql("select string_agg(j::text, E'\n') from meetlink.job j"), "\norphans: ", $pair->sql("select string_agg(o::text, E'\n') from meetlink.orphan o");
	diag $pair->sql("select e.* from meetlink.job j, meetlink.explain(j.session_id) e"), "\n", $pair->sql('select * from meetlink.health()');
	diag "$_->{name}: ", substr($_->log_text, -5000) for @daemons;
}

# --- every grant that was not revoked still works
for my $tutor (@tutors)
{
	my $stored = $pair->sql("select refresh_token_encrypted from tutor_video_provider_connections where is_active and connection_status = 'connected' and tutor_id = '" . $tutor->id . "'");
	ok($stored && $standin->admin(GET => $tutor->account_path), "$tutor->{name} is connected");
	my $session = $tutor->book;
	ok(eval { wait_until("$session has a link", sub { $pair->sql("select join_url from sessions where id = '$session'") }) }, "and the connection of $tutor->{name} works")
	  or diag $pair->sql("select * from meetlink.explain('$session')");
}
is($_->stop, 0, "$_->{name} ends well") for @daemons;

# --- the report
my %attempts = map { split /\|/ } split /\n/, $pair->sql('select outcome, count(*) from meetlink.attempt group by 1 order by 1');
my $counts = $chaos->counts;
note sprintf '%6d %s', $counts->{$_}, $_ for sort keys %$counts;
note sprintf '%6d attempts %s', $attempts{$_}, $_ for sort keys %attempts;
diag join ', ', scalar(@sessions) . ' sessions', map({ "$counts->{$_} $_" } grep { !/^faults/ } sort keys %$counts),
  sprintf('%d faults at the provider', eval { my $sum = 0; $sum += $counts->{$_} for grep { /^faults/ } keys %$counts; $sum }),
  map { "$attempts{$_} attempts $_" } sort keys %attempts;
done_testing();
