package Bench::Insert;

# What a booking pays for being flagged: single rows at several client counts, and one statement of many; and what
# the application's other updates pay, of sessions that have their link.
use strict;
use warnings;

use Bench::Rounds qw(interleaved median ratio spread);
use File::Temp ();
use Time::HiRes qw(time);

my @clients = (1, 8, 32, 64);
my $rows    = 100_000;

# The same sessions on a table without foreign keys and triggers of its own.
my $bare = q{create table bare (id uuid primary key default gen_random_uuid(), tutor_id uuid not null, provider text not null,
	status text not null default 'SCHEDULED', scheduled_start_at timestamptz not null, scheduled_end_at timestamptz,
	duration_minutes integer, join_url text, meeting_external_id text, meeting_created_at timestamptz)};
my $bare_insert = q{insert into bare (tutor_id, provider, scheduled_start_at, duration_minutes)
	values ('00000000-0000-0000-0000-000000000001', 'zoom', now() + interval '1 day', 60)};

# What people do without meetlink: tell a worker by NOTIFY from a row trigger.
my $pg_notify = q{create function tell() returns trigger language plpgsql as
	$$ begin perform pg_notify('sessions', new.id::text); return null; end $$;
	create trigger tell after insert on %s for each row when (new.join_url is null) execute function tell()};

sub run
{
	my ($server, $report) = @_;
	my %variants = ('no trigger' => undef, 'meetlink' => undef, 'pg_notify' => undef);
	my @made;
	for my $table ('app_schema.sql', 'without foreign keys')
	{
		my $app = $table eq 'app_schema.sql';
		my %database;
		for my $name (sort keys %variants)
		{
			push @made, my $database = $database{$name} = 'insert_' . ($name =~ s/\W/_/r) . ($app ? '' : '_bare');
			$server->application($database, 200);
			$server->sql($database, $bare) unless $app;
			if ($name eq 'meetlink')
			{
				$server->sql($database, 'create extension meetlink; select meetlink.attach(' . ($app ? '' : "'bare'") . ')');
			}
			$server->sql($database, sprintf $pg_notify, $app ? 'sessions' : 'bare') if $name eq 'pg_notify';
		}
		for my $clients (@clients)
		{
			my $result = interleaved("inserts by $clients clients, $table", $report->rounds,
				(map { my $database = $database{$_}; ($_ => sub { throughput($server, $database, $clients, $app) }) }
				  'no trigger', 'meetlink', 'pg_notify'),
				$app ? ('meetlink, silent' => sub { silently($server, sub { throughput($server, $database{meetlink}, $clients, $app) }) }) : ());
			my ($meetlink, $low, $high) = ratio($result->{'meetlink'}, $result->{'no trigger'});
			my ($notify) = ratio($result->{'pg_notify'}, $result->{'no trigger'});
			$report->row(
				sprintf('single-row INSERT, %d clients, %s', $clients, $table),
				sprintf('%.2f of no trigger (%.2f to %.2f); pg_notify trigger %.2f; no trigger %.0f/s', $meetlink, $low, $high, $notify, median(@{ $result->{'no trigger'} })),
				($app ? '>= 0.85' : '>= 0.70'), $meetlink >= ($app ? 0.85 : 0.70));
			if ($app)
			{
				my ($bell, $least, $most) = ratio(@{$result}{ 'meetlink', 'meetlink, silent' });
				$report->row('the same, of what it is while the doorbell is silent', sprintf('%.2f (%.2f to %.2f)', $bell, $least, $most), '>= 0.95', $bell >= 0.95);
			}
			$report->row(
				sprintf('the same against the pg_notify trigger, %s', $table), sprintf('%.1f times', $meetlink / $notify),
				($app ? '>= 2' : '>= 3'), $meetlink / $notify >= ($app ? 2 : 3)) if $clients == 64;
		}
	}

	# the tables are those without foreign keys
	my $updates = interleaved('updates of linked sessions by 8 clients', $report->rounds,
		map { my $database = 'insert_' . ($_ =~ s/\W/_/r) . '_bare'; ($_ => sub { update_rate($server, $database) }) } 'no trigger', 'meetlink');
	my ($kept, $fewest, $most) = ratio(@{$updates}{ 'meetlink', 'no trigger' });
	$report->row('single-row UPDATE of a session that has its link, 8 clients, without foreign keys',
		sprintf('%.2f of no trigger (%.2f to %.2f); no trigger %.0f/s', $kept, $fewest, $most, median(@{ $updates->{'no trigger'} })));

	# one statement
	my %database = ('no trigger' => 'bulk_plain', 'meetlink' => 'bulk_meetlink');
	$server->application($_, 200) for values %database;
	$server->sql($database{meetlink}, 'create extension meetlink; select meetlink.attach()');
	$server->bookings($_, $rows) for values %database;
	my $result = interleaved("one INSERT of $rows sessions", $report->rounds,
		map { my $database = $database{$_}; ($_ => sub { statement($server, $database) }) } 'no trigger', 'meetlink');
	my ($ratio, $low, $high) = ratio(@{$result}{ 'meetlink', 'no trigger' });
	$report->row("one INSERT of $rows sessions, time", sprintf('%.2f of no trigger (%.2f to %.2f)', $ratio, $low, $high), '<= 1.3', $ratio <= 1.3);
	$server->sql('postgres', "drop database $_ with (force)") for @made, values %database;    # autovacuum would go on there
	return;
}

sub throughput
{
	my ($server, $database, $clients, $app) = @_;
	settle_down($server, $database);
	# a booking and its session, as the application makes them
	my $tps = pgbench($server, $database, $clients, $app
	  ? "with b as (insert into bookings (tutor_id, student_id, confirmed_start_at, confirmed_end_at) select t.id, s.id, now() + interval '1 day', now() + interval '25 hours'
		from (select id from profiles where role = 'tutor' offset :client_id % 200 limit 1) t, (select id from profiles where role = 'student' offset :client_id % 200 limit 1) s returning *)
		insert into sessions (booking_id, tutor_id, student_id, provider, scheduled_start_at, scheduled_end_at, duration_minutes)
		select id, tutor_id, student_id, 'zoom', confirmed_start_at, confirmed_end_at, 60 from b;"
	  : "$bare_insert;");
	# what was flagged must not grow from round to round
	$server->sql($database, 'truncate ' . ($app ? 'sessions, bookings cascade' : 'bare'));
	return $tps;
}

sub update_rate
{
	my ($server, $database) = @_;
	$server->sql($database, q{insert into bare (id, tutor_id, provider, scheduled_start_at, join_url)
		select md5(n::text)::uuid, gen_random_uuid(), 'zoom', now(), 'https://zoom.us/j/1' from generate_series(1, 10000) n});
	$server->sql($database, 'vacuum analyze bare');
	settle_down($server, $database);
	my $tps = pgbench($server, $database, 8, "\\set n random(1, 10000)\nupdate bare set duration_minutes = :n where id = md5((:n)::text)::uuid;");
	$server->sql($database, 'truncate bare');
	return $tps;
}

# TRUNCATE of sessions has left all jobs dead, and autovacuum would clear them away during the next measurement. The
# application's tables are not vacuumed: as known to be empty, they would be read whole by the plans of foreign keys.
sub settle_down
{
	my ($server, $database) = @_;
	$server->sql($database, 'vacuum meetlink.job') if $server->sql($database, q{select to_regclass('meetlink.job') is not null}) eq 't';
	$server->sql($database, 'checkpoint');
	return;
}

# Transactions a second.
sub pgbench
{
	my ($server, $database, $clients, $sql) = @_;
	my $script = File::Temp->new(SUFFIX => '.sql');
	print $script "$sql\n";
	close $script;
	my $output = qx($server->{bin}/pgbench -n -M prepared -c $clients -j 2 -T 3 -f $script -h $server->{folder} -U postgres $database 2>&1);
	my ($tps) = $output =~ /tps = ([\d.]+)/ or die "pgbench: $output";
	return $tps;
}

# The doorbell sends one NOTIFY a second at most: commits find it rung already, and wake nobody.
sub silently
{
	my ($server, $measure) = @_;
	my $reload = '; select pg_reload_conf()';
	$server->sql('postgres', "alter system set meetlink.notify_interval = '1s'$reload");
	my $result = $measure->();
	$server->sql('postgres', "alter system reset meetlink.notify_interval$reload");
	return $result;
}

sub statement
{
	my ($server, $database) = @_;
	$server->sql($database, 'truncate sessions cascade');
	settle_down($server, $database);
	my $began = time;
	$server->sql($database, $server->book_statement(''));
	return time - $began;
}

1;
