package Bench::Server;

# One private server for all measurements: durable as by default, with memory enough that none of them
# measures the disk's reading.
use strict;
use warnings;

use File::Temp ();
use Meetlink::Process;

sub new
{
	my ($class, %options) = @_;
	my $bin = "$ENV{MEETLINK_BUILD}/pg/bin";
	my $folder = File::Temp->newdir('meetlink-bench-XXXXXX', TMPDIR => 1);
	my $self = bless { bin => $bin, folder => $folder, owner => $$ }, $class;
	_run("$bin/initdb -D $folder/data -U postgres -A trust -E UTF8 --locale=C.UTF-8 >$folder/initdb.log 2>&1");
	open(my $conf, '>>', "$folder/data/postgresql.conf") or die $!;
	print $conf "listen_addresses = ''\nunix_socket_directories = '$folder'\nmax_connections = 200\nshared_buffers = 1GB\n",
	  "max_wal_size = 8GB\ncheckpoint_timeout = 1h\nwork_mem = 64MB\n", map { "$_\n" } @{ $options{conf} // [] };
	close $conf;
	_run("$bin/pg_ctl -s -w -D $folder/data -l $folder/log start");
	return $self;
}

sub folder { return "$_[0]{folder}" }
sub bin    { return $_[0]{bin} }

sub connstr
{
	my ($self, $database, $user) = @_;
	return "host=$self->{folder} dbname=$database user=" . ($user // 'postgres');
}

# For node-postgres.
sub url
{
	my ($self, $database) = @_;
	return "postgres://postgres\@localhost/$database?host=$self->{folder}";
}

# Runs SQL; its output.
sub sql
{
	my ($self, $database, $sql) = @_;
	my $input = File::Temp->new;
	print $input $sql;
	close $input;
	my $out = qx($self->{bin}/psql -XAtq -v ON_ERROR_STOP=1 -d '${\ $self->connstr($database)}' -f $input);
	die "psql failed in $database\n" if $?;
	chomp $out;
	return $out;
}

# A database with the application's tables, and $people tutors with as many students.
sub application
{
	my ($self, $database, $people) = @_;
	$self->sql('postgres', "drop database if exists $database with (force); create database $database");
	$self->sql($database, "set client_min_messages = error;\n\\i $ENV{MEETLINK_ROOT}/test/fixture/app_schema.sql\n
		insert into profiles (role, full_name) select r, r || ' ' || n from generate_series(1, $people) n, (values ('tutor'), ('student')) v(r)");
	return $database;
}

sub attach
{
	my ($self, $database) = @_;
	$self->sql($database, q{create extension meetlink; select meetlink.attach();
		do $$ begin create role meetlinkd login in role meetlink_sidecar; exception when duplicate_object then null; end $$});
	return $database;
}

# Bookings that wait to become sessions, this many.
sub bookings
{
	my ($self, $database, $count) = @_;
	$self->sql($database, "insert into bookings (tutor_id, student_id, confirmed_start_at, confirmed_end_at)
		select t.id, s.id, now() + interval '1 day' + n * interval '1 s', now() + interval '25 hours' + n * interval '1 s'
		from generate_series(1, $count) n
		join (select id, row_number() over () as r, count(*) over () as c from profiles where role = 'tutor') t on t.r = 1 + n % t.c
		join (select id, row_number() over () as r, count(*) over () as c from profiles where role = 'student') s on s.r = 1 + n % s.c;
		vacuum analyze");
	return;
}

# The statement that makes sessions of bookings.
sub book_statement
{
	my ($self, $where) = @_;
	return "insert into sessions (booking_id, tutor_id, student_id, provider, scheduled_start_at, scheduled_end_at, duration_minutes)
		select id, tutor_id, student_id, 'zoom', confirmed_start_at, confirmed_end_at, 60 from bookings $where";
}

sub version { my $self = shift; return $self->sql('postgres', 'show server_version') }

sub DESTROY
{
	my $self = shift;
	return unless $$ == $self->{owner};
	local $?;
	system("$self->{bin}/pg_ctl -s -w -D $self->{folder}/data -m immediate stop");
	return;
}

sub _run
{
	my ($command) = @_;
	system($command) == 0 or die "failed: $command\n";
	return;
}

1;
