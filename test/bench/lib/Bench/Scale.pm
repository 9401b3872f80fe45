package Bench::Scale;

# How far it goes: a backlog shared by several daemons, beside tables that grow, and while somebody holds a snapshot.
use strict;
use warnings;

use Bench::Links;
use Bench::Rounds qw(interleaved median ratio spread);
use IPC::Open2 qw(open2);
use Meetlink::Standin;

my $backlog = 20_000;
my $held    = $ENV{HELD} // 300_000;    # links while the snapshot is held: ten minutes at 500/s
my $tutors  = 5_000;                    # so many, that Zoom would allow them that many in a day (PROVIDERS.md 2.4)
my @sizes   = $ENV{MEETLINK_LONG_TESTS} ? (10_000, 100_000, 1_000_000, 10_000_000) : (10_000, 100_000, 1_000_000);

sub run
{
	my ($server, $report) = @_;
	my $standin = Meetlink::Standin->new(folder => $server->folder, plain => 1);
	daemons($server, $report, $standin);
	sizes($server, $report, $standin);
	snapshot($server, $report, $standin);
	return;
}

# --- several daemons --------------------------------------------------------------------------------

sub daemons
{
	my ($server, $report, $standin) = @_;
	my $rate = sub {
		my $count = shift;
		return sub { return (Bench::Links::rate_of($server, $standin, 0, $backlog, sub { several($server, $standin, $count) }, prepare => sub { $server->attach('links') }))[0] };
	};
	my $result = interleaved("drain of $backlog, daemons", $report->rounds, map { ($_ => $rate->($_)) } 1, 2, 4);
	for my $count (2, 4)
	{
		my ($times, $low, $high) = ratio($result->{$count}, $result->{1});
		$report->row("drain of $backlog sessions by $count daemons, against one", sprintf('%.2f times (%.2f to %.2f) its %.0f/s', $times, $low, $high, median(@{ $result->{1} })));
	}
	return;
}

sub several
{
	my ($server, $standin, $count) = @_;
	return Bench::Several->new(map { Bench::Links::meetlinkd($server, $standin, 256, name => "bench-$_") } 1 .. $count);
}

# --- tables that grow -------------------------------------------------------------------------------

# Sessions that have their link already, spread over the past, beside a backlog.
sub sizes
{
	my ($server, $report, $standin) = @_;
	my %rate;
	for my $size (@sizes)
	{
		print "# beside $size linked sessions\n";
		my ($rate) = Bench::Links::rate_of($server, $standin, 0, $backlog, sub { several($server, $standin, 1) },
			beside => 1, prepare => sub { $server->attach('links'); linked($server, $size) });
		$rate{$size} = $rate;
		$report->row("drain of $backlog sessions beside $size that are linked", sprintf('%.0f/s, %.2f of that beside %d', $rate, $rate / $rate{ $sizes[0] }, $sizes[0]));
	}
	return;
}

sub linked
{
	my ($server, $count) = @_;
	# without the tables' triggers and foreign keys, which are not what is measured
	$server->sql('links', "set session_replication_role = replica;
		insert into sessions (booking_id, tutor_id, student_id, provider, scheduled_start_at, scheduled_end_at, duration_minutes, status, join_url, meeting_external_id, meeting_created_at)
		select gen_random_uuid(), t.id, t.id, 'zoom', now() - n * interval '1 minute', now() - n * interval '1 minute' + interval '1 hour', 60, 'COMPLETED_ASSUMED', 'https://zoom.us/j/' || n, n, now()
		from generate_series(1, $count) n join (select id, row_number() over () as r, count(*) over () as c from profiles where role = 'tutor') t on t.r = 1 + n % t.c");
	return;
}

# --- a snapshot that is held ------------------------------------------------------------------------

# Vacuum and the indexes' own cleaning can remove nothing while it is held.
sub snapshot
{
	my ($server, $report, $standin) = @_;
	my %rate;
	my %claim;
	for my $holding (0, 1)
	{
		my $psql;
		my $in;
		my $rate_of = sub {
			my ($jobs, %options) = @_;
			return (Bench::Links::rate_of($server, $standin, 0, $jobs, sub { several($server, $standin, 1) }, keep => 1, %options))[0];
		};
		Bench::Links::fresh($server, $standin, 0, people => $tutors);
		$server->attach('links');
		if ($holding)
		{
			my $pid = open2(my $out, $in, "$server->{bin}/psql", '-XAtq', '-d', $server->connstr('links'));
			print $in "begin isolation level repeatable read; select 1;\n";
			$in->flush;
			<$out>;
			$psql = { pid => $pid, in => $in, out => $out };
		}
		$rate{$holding} = [];
		my $done = 0;
		while ($done < $held)
		{
			my $jobs = $done + $backlog >= $held ? $backlog : 4 * $backlog;
			$jobs = $held - $done if $done + $jobs > $held && $held - $done > $backlog;
			push @{ $rate{$holding} }, $rate_of->($jobs);
			$done += $jobs;
			printf "#   snapshot %s, after %d links: %.0f/s\n", $holding ? 'held' : 'not held', $done, $rate{$holding}[-1];
		}
		$claim{$holding} = claims($server);
		if ($psql)
		{
			close $psql->{in};
			waitpid $psql->{pid}, 0;
		}
	}
	my ($without, $with) = map { $rate{$_}[-1] } 0, 1;
	$report->row("drain after $held links while another session holds a snapshot", sprintf('%.0f/s, %.2f of that without', $with, $with / $without), '>= 0.90', $with >= 0.9 * $without);
	$report->row('claim of 100 then, of a backlog', sprintf('p50 %.1f ms, p99 %.1f ms (without: %.1f and %.1f)', map { @{ $_->{backlog} } } @claim{ 1, 0 }), 'p99 <= 10 ms', $claim{1}{backlog}[1] <= 10);
	$report->row('the same from the start, past all that has been claimed', sprintf('p50 %.1f ms, p99 %.1f ms (without: %.1f and %.1f)', map { @{ $_->{start} } } @claim{ 1, 0 }));
	return;
}

# p50 and p99 in ms of claims that begin where the one before has ended (backlog), as a daemon's do nine times of
# ten, and of claims that do not (start).
sub claims
{
	my ($server) = @_;
	$server->bookings('links', $backlog);
	$server->sql('links', $server->book_statement('b where not exists (select from sessions s where s.booking_id = b.id)'));
	return {
		map {
			my ($kind, $after) = @$_;
			($kind => [ split /,/, $server->sql('links', "create temp table lap (ms float8);
				do \$\$
				declare
					began timestamptz;
					daemon bigint;
					passed timestamptz;
				begin
					select daemon_id into daemon from meetlink.register_daemon('bench', '0');
					for i in 1 .. 85 loop
						began := clock_timestamp();
						select max(starts_at) into passed from meetlink.claim(daemon, 100, '1 hour', '{}', $after);
						if i > 5 then
							insert into lap values (1000 * extract(epoch from clock_timestamp() - began));
						end if;
						commit;
					end loop;
				end \$\$;
				select trim(both '{}' from percentile_cont(array[0.5, 0.99]) within group (order by ms)::text) from lap") ])
		} [ backlog => "coalesce(passed, '-infinity')" ], [ start => "'-infinity'" ]
	};
}

package Bench::Several;

# Several processes as one.
sub new { my ($class, @processes) = @_; return bless [@processes], $class }
sub pid { return $_[0][0]->pid }
sub stop { $_->stop for @{ $_[0] }; return }

1;
