package Bench::Links;

# The same sessions linked by meetlinkd and by its peers, at the same stand-in: how fast a backlog drains,
# how soon after its booking a session has its link, how much memory that takes.
use strict;
use warnings;

use Bench::Rounds qw(interleaved median ratio spread);
use Meetlink::Ciphertext qw(encrypt_cbc);
use Meetlink::Daemon;
use Meetlink::Process;
use Meetlink::Standin;
use Meetlink::Wait qw(wait_until);

my $people  = 500;
our $key     = 'the key of the benchmark';
our @ciphertexts;
my $refresh;
my $folder  = "$ENV{MEETLINK_BUILD}/bench";
my $backlog = 20_000;

sub run
{
	my ($server, $report) = @_;
	my $standin = Meetlink::Standin->new(folder => $server->folder, plain => 1);
	my %peers   = peers($report);

	drain($server, $report, $standin, \%peers, delay => 0);
	drain($server, $report, $standin, \%peers, delay => 150);
	latency($server, $report, $standin, \%peers);
	return;
}

# --- a backlog ----------------------------------------------------------------------------------

sub drain
{
	my ($server, $report, $standin, $peers, %options) = @_;
	my $delay = $options{delay};
	my $in_flight = $delay ? 500 : 50;
	my $jobs = $backlog;
	mkdir my $own = $server->folder . '/tls';
	my $secure = $delay ? Meetlink::Standin->new(folder => $own) : undef;
	my %resident;
	my $run = sub {
		my ($provider, $kind, %more) = @_;
		my %sidecar = $kind eq 'HTTP/2' ? (http_version => '"2"') : ();
		my ($rate, $memory) = rate_of(
			$server, $provider, $delay, $jobs, sub { meetlinkd($server, $provider, $delay ? 500 : 256, %sidecar) },
			prepare => sub { $server->attach('links') }, %more);
		push @{ $resident{$kind} }, $memory;
		return $rate;
	};
	my $result = interleaved("drain of $jobs, provider takes $delay ms", $report->rounds,
		'meetlink' => sub { $run->($standin, 'plain') },
		$secure ? ('meetlink, TLS' => sub { $run->($secure, 'TLS') }, 'meetlink, HTTP/2' => sub { $run->($secure, 'HTTP/2') })
		: ('meetlink, at once' => sub { $run->($standin, 'at once', served => 80) }),
		map { my $peer = $_; ($peer => sub { (rate_of($server, $standin, $delay, $jobs, sub { $peers->{$peer}->start($server, $standin, $in_flight) }, queue => $peers->{$peer}))[0] }) } sort keys %$peers);
	my $meetlink = median(@{ $result->{meetlink} });
	my $spread   = spread(@{ $result->{meetlink} });
	my $what     = "drain of $jobs sessions, provider takes $delay ms";
	$report->row($what, sprintf('%.0f/s (spread %.0f %%)', $meetlink, $spread));
	if (!$delay)
	{
		my ($times, $low, $high) = ratio($result->{'meetlink, at once'}, $result->{meetlink});
		$report->row('the same, booked at once while it serves single bookings', sprintf('%.2f times (%.2f to %.2f)', $times, $low, $high), '>= 0.8', $times >= 0.8);
	}
	else
	{
		my $ideal = 500 / ($delay / 1000);
		$report->row('the same, of what 500 in flight allow', sprintf('%.0f %%', 100 * $meetlink / $ideal), '>= 95 %', $meetlink >= 0.95 * $ideal);
		$report->row("the same over TLS, with the system's authorities", sprintf('%.0f/s', median(@{ $result->{'meetlink, TLS'} })));
		my ($times, $low, $high) = ratio($result->{'meetlink, HTTP/2'}, $result->{'meetlink, TLS'});
		$report->row('the same with sidecar.http_version = "2"', sprintf('%.2f times (%.2f to %.2f)', $times, $low, $high));
		my %memory = map { ($_ => median(@{ $resident{$_} })) } ('plain', 'TLS', 'HTTP/2');
		$report->row('peak resident memory at 500 in flight, plain HTTP', sprintf('%.1f MB', $memory{plain}), '<= 28 MB', $memory{plain} <= 28);
		$report->row('the same, TLS', sprintf('%.1f MB', $memory{TLS}), '<= 40 MB', $memory{TLS} <= 40);
		$report->row('the same with sidecar.http_version = "2"', sprintf('%.1f MB', $memory{'HTTP/2'}));
	}
	for my $peer (sort keys %$peers)
	{
		my ($times, $low, $high) = ratio($result->{meetlink}, $result->{$peer});
		my $goal = $peer eq 'graphile-worker' && !$delay;
		$report->row("$what, against $peer", sprintf('%.1f times (%.1f to %.1f) its %.0f/s', $times, $low, $high, median(@{ $result->{$peer} })),
			$goal ? '>= 6' : undef, $goal ? $times >= 6 : undef);
	}
	return;
}

# Links per second from the first to the last of a backlog, and the program's peak memory in MB. keep => 1: in the
# database as it is. beside => 1: beside many that have their link already. served => n: the program runs already, and has served so many single
# bookings; what it knows of the tables is from then.
sub rate_of
{
	my ($server, $standin, $delay, $jobs, $start, %options) = @_;
	fresh($server, $standin, $delay) unless $options{keep};
	$options{prepare}->() if $options{prepare};
	$options{queue}->queue($server) if $options{queue};
	my $process;
	if ($options{served})
	{
		$server->bookings('links', $options{served} + $jobs);  # all now: that analyzes, and would make plans anew
		$process = $start->();
		book_steadily($server, rate => 100, each => $options{served} / 4, from => "select id from bookings limit $options{served}");
		wait_until('the single ones have links', sub { $server->sql('links', 'select not exists (select from sessions where join_url is null)') eq 't' });
	}
	my $began = $server->sql('links', 'select clock_timestamp()');
	$server->bookings('links', $jobs) unless $process;
	$server->sql('links', $server->book_statement('b where not exists (select from sessions s where s.booking_id = b.id)'));
	$options{queue}->enqueue_all($server) if $options{queue};
	if (!$process)
	{
		$server->sql('links', 'vacuum analyze; checkpoint');
		$process = $start->();
	}
	# seldom, since psql takes of the same two cores; beside many others by what was recorded, and not by reading them all
	my $drained = $options{keep} || $options{beside}
	  ? "select count(*) >= $jobs from meetlink.attempt where outcome = 'linked' and finished_at >= '$began'"
	  : 'select not exists (select from sessions where join_url is null)';
	wait_until('the backlog is drained', sub { $server->sql('links', $drained) eq 't' }, 600, 0.5);
	my ($memory) = map { /^VmHWM:\s*(\d+)/ ? $1 / 1024 : () } do { open(my $status, '<', '/proc/' . $process->pid . '/status') or die $!; <$status> };
	$process->stop;
	return ($server->sql('links', "select (count(*) - 1) / extract(epoch from max(meeting_created_at) - min(meeting_created_at)) from sessions where created_at >= '$began'"), $memory);
}

# --- commit to link --------------------------------------------------------------------------------

sub latency
{
	my ($server, $report, $standin, $peers) = @_;
	my %all = ('meetlink' => undef, map { ($_ => $peers->{$_}) } grep { $_ eq 'graphile-worker' } keys %$peers);
	my %percentiles;
	interleaved('200 bookings/s, p50 in ms', $report->rounds,
		map {
			my $name = $_;
			($name => sub {
				fresh($server, $standin, 0);
				my $process;
				if ($all{$name})
				{
					$all{$name}->queue($server);
					$all{$name}->enqueue_by_trigger($server);
					$process = $all{$name}->start($server, $standin, 50);
				}
				else
				{
					$server->attach('links');
					$process = meetlinkd($server, $standin, 256);
				}
				$server->bookings('links', 4000);
				book_steadily($server);
				wait_until('all have links', sub { $server->sql('links', 'select not exists (select from sessions where join_url is null)') eq 't' });
				$process->stop;
				push @{ $percentiles{$name} }, [ percentiles($server, 'since_booking') ];
				push @{ $percentiles{'without provider'} }, [ percentiles($server, 'since_booking - provider') ] unless $all{$name};
				return $percentiles{$name}[-1][0];
			})
		} sort keys %all);
	for my $name (sort keys %percentiles)
	{
		my ($p50, $p99) = map { my $i = $_; median(map { $_->[$i] } @{ $percentiles{$name} }) } 0, 1;
		my $goal = $name eq 'without provider';
		$report->row('commit to link at 200 bookings/s, ' . ($goal ? "without the provider's time, meetlink" : "provider included, $name"),
			sprintf('p50 %.1f ms, p99 %.1f ms', $p50, $p99),
			$goal ? 'p50 <= 2 ms, p99 <= 10 ms' : undef, $goal ? $p50 <= 2 && $p99 <= 10 : undef);
	}
	return;
}

# Half and 99 of 100 sessions had their link so many ms after their booking. The row's own transaction wrote the link; the
# booking's number was kept in notes. provider: its answer to the attempt that made the link, which only meetlink has kept.
sub percentiles
{
	my ($server, $ms) = @_;
	my $provider = $ms =~ /provider/ ? q{(select (a.timings ->> 'http_ms')::float8 from meetlink.attempt a where a.session_id = s.id::text and a.external_id = s.meeting_external_id)} : 'null::float8';
	return split /\|/, $server->sql('links', qq{
		select percentile_cont(array[0.5, 0.99]) within group (order by $ms) from (
			select 1000 * extract(epoch from pg_xact_commit_timestamp(s.xmin) - pg_xact_commit_timestamp((s.notes ->> 'xid')::xid)) as since_booking,
				$provider as provider
			from sessions s) s}) =~ tr/{},/  |/r;
}

# Bookings become sessions: %options: rate (a second), each (of four clients), from (a query for the bookings' ids).
sub book_steadily
{
	my ($server, %options) = @_;
	my ($rate, $each, $from) = ($options{rate} // 200, $options{each} // 500, $options{from} // 'select id from bookings');
	my $script = File::Temp->new(SUFFIX => '.sql');
	print $script "with b as (delete from bookings_left where id = (select id from bookings_left limit 1 for update skip locked) returning id)
		insert into sessions (booking_id, tutor_id, student_id, provider, scheduled_start_at, scheduled_end_at, duration_minutes, notes)
		select k.id, k.tutor_id, k.student_id, 'zoom', k.confirmed_start_at, k.confirmed_end_at, 60, jsonb_build_object('xid', pg_current_xact_id()::xid::text)
		from b join bookings k on k.id = b.id;";
	close $script;
	$server->sql('links', "create table bookings_left as $from; vacuum analyze bookings_left");
	my $output = qx($server->{bin}/pgbench -n -M prepared -c 4 -j 1 -R $rate -t $each -f $script -h $server->{folder} -U postgres links 2>&1);
	die "pgbench: $output" unless $output =~ /tps = /;
	return;
}

# --- the scene ---------------------------------------------------------------------------------------

# The application's database anew, with connected tutors (people => how many), and a stand-in that answers after $delay ms.
sub fresh
{
	my ($server, $standin, $delay, %options) = @_;
	my $people = $options{people} // $people;
	$standin->admin(POST => 'reset', {});
	$standin->admin(PATCH => 'settings', { record_capacity => 0 });
	$standin->fault(effect => 'delay', delay_ms => 0 + $delay, operation => 'create', times => 'forever') if $delay;
	$server->application('links', $people);
	$standin->admin(POST => 'accounts', [
		map { { provider => 'zoom', account => "tutor$_\@example.org", client_id => 'zoom-client', client_secret => 'zoom-secret',
			access_token => "access-$_", refresh_token => "refresh-$_", expires_in => 86400, daily_limit => 0 } } 1 .. $people ]);
	# one for all: nothing is refreshed, and each takes a process
	$refresh //= encrypt_cbc($key, 'refresh');
	push @ciphertexts, map { [ encrypt_cbc($key, "access-$_"), $refresh ] } @ciphertexts + 1 .. $people;
	my $n = 0;
	$server->sql('links', 'create temp table t (n int, access text, refresh text);
		insert into t values ' . join(',', map { sprintf q{(%d, '%s', '%s')}, ++$n, @$_ } @ciphertexts[ 0 .. $people - 1 ]) . q{;
		insert into tutor_video_provider_connections (tutor_id, provider, access_token_encrypted, refresh_token_encrypted, token_expires_at)
		select p.id, 'zoom', access, refresh, now() + interval '1 day'
		from t join (select id, row_number() over () as n from profiles where role = 'tutor') p using (n)});
	return;
}

sub meetlinkd
{
	my ($server, $standin, $in_flight, %sidecar) = @_;
	my $daemon = Meetlink::Daemon->new(
		name => delete $sidecar{name} // 'daemon',
		folder => $server->folder, standin => $standin, key => $key, conninfo => $server->connstr('links', 'meetlinkd'),
		config => {
			sidecar => { max_in_flight => $in_flight, %sidecar },
			zoom    => { max_per_connection => 100, max_per_second => 100000 },
			tls     => { ca_file => '"' . authorities($server, $standin) . '"' },
			log     => { level => '"warning"' } });
	return $daemon->start(no_wait => 1)->process;
}

# The stand-in's authority among the system's, as many as a daemon at work has.
sub authorities
{
	my ($server, $standin) = @_;
	my $file = $server->folder . '/authorities.pem';
	open(my $out, '>', $file) or die "$file: $!";
	for my $source ('/etc/ssl/certs/ca-certificates.crt', $standin->ca_file)
	{
		open(my $in, '<', $source) or next;
		print {$out} <$in>;
	}
	close $out or die $!;
	return $file;
}

# --- the peers ---------------------------------------------------------------------------------------

# Those that could be installed. What Node.js on this machine cannot run is left out, and the report says so.
sub peers
{
	my ($report) = @_;
	my ($node) = qx(node --version 2>/dev/null) =~ /^v(\d+)/;
	if (!$node || $node < 20)
	{
		$report->row('peers', 'left out: Node.js 20 is not there');
		return;
	}
	my $modules = "$folder/peers";
	if (!-d "$modules/node_modules/graphile-worker")
	{
		print "# installing the peers\n";
		system("mkdir -p '$modules' && cp '$ENV{MEETLINK_ROOT}'/test/bench/peers/* '$modules' && cd '$modules' && npm install --no-audit --no-fund --loglevel=error >npm.log 2>&1") == 0
		  or do { $report->row('peers', 'left out: npm could not install them'); return };
	}
	system("cp '$ENV{MEETLINK_ROOT}'/test/bench/peers/*.mjs '$modules'");
	return ('graphile-worker' => Bench::Peer->new($modules, 'graphile-worker'), 'pg-boss' => Bench::Peer->new($modules, 'pg-boss'));
}

package Bench::Peer;

# A job queue for Node.js, with its own table of jobs beside the application's.
use Meetlink::Wait qw(wait_until);

my %enqueue = (
	'graphile-worker' => q{select graphile_worker.add_job('link', json_build_object('session', %s))},
	'pg-boss'         => q{insert into pgboss.job (name, data) select 'link', jsonb_build_object('session', %s)});

sub new
{
	my ($class, $modules, $name) = @_;
	return bless { modules => $modules, name => $name }, $class;
}

# Its schema: made by starting it once.
sub queue
{
	my ($self, $server) = @_;
	my $process = $self->_node($server, 'http://127.0.0.1:9', 1);
	wait_until("$self->{name} has made its tables", sub {
		die $process->output unless $process->is_running;
		$process->output =~ /^ready$/m;
	});
	$process->stop;
	return;
}

sub enqueue_all
{
	my ($self, $server) = @_;
	$server->sql('links', $self->{name} eq 'graphile-worker'
		? q{select count(*) from graphile_worker.add_jobs((select array_agg(('link', json_build_object('session', id), null, null, null, null, null, null)::graphile_worker.job_spec) from sessions))}
		: sprintf("$enqueue{'pg-boss'} from sessions", 'id'));
	return;
}

sub enqueue_by_trigger
{
	my ($self, $server) = @_;
	$server->sql('links', 'create function enqueue() returns trigger language plpgsql as $$ begin perform '
		. (sprintf $enqueue{ $self->{name} }, 'new.id') =~ s/^select //r
		. '; return null; end $$; create trigger enqueue after insert on sessions for each row execute function enqueue()');
	return;
}

sub start
{
	my ($self, $server, $standin, $in_flight) = @_;
	my $process = $self->_node($server, $standin->http_url, $in_flight);
	wait_until("$self->{name} is ready", sub { die $process->output unless $process->is_running; $process->output =~ /^ready$/m });
	return $process;
}

sub _node
{
	my ($self, $server, $standin, $in_flight) = @_;
	my $output = $server->folder . "/$self->{name}-" . ++$self->{runs} . '.out';
	return Meetlink::Process->start(
		{ output => $output, environment => { DATABASE => $server->url('links'), STANDIN => $standin, ENCRYPTION_KEY => $key, IN_FLIGHT => $in_flight } },
		'node', "$self->{modules}/$self->{name}.mjs");
}

1;
