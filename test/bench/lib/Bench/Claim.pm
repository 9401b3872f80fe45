package Bench::Claim;

# A claim of a hundred jobs beside a million that wait and a hundred thousand that are blocked.
use strict;
use warnings;

use Bench::Rounds qw(interleaved median);

my $claims = 200;    # in each round
my $warm   = 5;      # before those: a daemon keeps its connection, and with it the plans

sub run
{
	my ($server, $report) = @_;
	my %beside = ('claim_empty' => [ 0, 0 ], 'claim_full' => [ 1_000_000, 100_000 ]);
	for my $database (sort keys %beside)
	{
		my ($waiting, $blocked) = @{ $beside{$database} };
		print "# $database: $waiting waiting, $blocked blocked\n";
		$server->application($database, 1000);
		$server->attach($database);
		$server->bookings($database, 100 * ($warm + $claims));
		$server->sql($database, $server->book_statement('') . ";
			insert into meetlink.job (session_id, owner_id, provider, starts_at, ends_at, state, due_at, attempts, reason)
			select gen_random_uuid(), gen_random_uuid(), 'zoom', now() + n * interval '1 s', now() + n * interval '1 s' + interval '1 hour',
				case when n <= $waiting then 'waiting' else 'blocked' end, now() + interval '1 hour' + n * interval '1 ms', 1, case when n <= $waiting then 'network_error' else 'grant_revoked' end
			from generate_series(1, $waiting + $blocked) n;
			vacuum analyze;
			create table lap (ms float8);
			select daemon_id from meetlink.register_daemon('bench', '0')");
	}
	my %p99;
	interleaved("claim of 100, p50 in ms", $report->rounds, map {
		my $database = $_;
		($database => sub {
			my ($p50, $p99) = split /,/, $server->sql($database, "truncate lap;
				do \$\$
				declare
					began timestamptz;
					taken bigint;
					daemon bigint := (select max(id) from meetlink.daemon);
				begin
					for i in 1 .. $warm + $claims loop
						began := clock_timestamp();
						select count(*) into taken from meetlink.claim(daemon, 100, '1 hour');
						assert taken = 100, taken;
						if i > $warm then
							insert into lap values (1000 * extract(epoch from clock_timestamp() - began));
						end if;
						commit;
					end loop;
				end \$\$;
				update meetlink.job set state = 'due', claim_id = null, claimed_by = null, lease_until = null, attempts = 0 where state = 'claimed';
				truncate meetlink.daily_use;
				vacuum meetlink.job;
				select trim(both '{}' from percentile_cont(array[0.5, 0.99]) within group (order by ms)::text) from lap");
			push @{ $p99{$database} }, [ $p50, $p99 ];
			return $p50;
		})
	} sort keys %beside);
	my %median = map { my $d = $_; ($d => [ map { my $i = $_; median(map { $_->[$i] } @{ $p99{$d} }) } 0, 1 ]) } keys %beside;
	my ($p50, $p99) = @{ $median{claim_full} };
	$report->row('claim of 100 beside 1,000,000 waiting and 100,000 blocked jobs', sprintf('p50 %.1f ms, p99 %.1f ms', $p50, $p99), 'p99 <= 5 ms', $p99 <= 5);
	$report->row('the same, against a table without those', sprintf('%.2f times', $p50 / $median{claim_empty}[0]), '<= 2', $p50 <= 2 * $median{claim_empty}[0]);
	return;
}

1;
