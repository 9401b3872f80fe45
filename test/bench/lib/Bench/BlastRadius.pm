package Bench::BlastRadius;

# How much one broken owner, or one broken provider, slows the others (DESIGN rule 10): commit to link of tutors at Zoom
# whose own account and provider are well, beside 5,000 sessions that are due, start sooner, and cannot get a link.
use strict;
use warnings;

use Bench::Links;
use Bench::Rounds qw(interleaved median ratio);
use Meetlink::Daemon;
use Meetlink::Standin;
use Meetlink::Wait qw(wait_until);

my $broken = 5_000;
my $google = 200;                       # tutors of the provider that is broken
my $first  = 'tutor1@example.org';

# Whose sessions are due, and what the provider does to them.
my %disturbances = (
	'one owner whose calls all fail'                   => { whose => 'first', fault => { effect => 'zoom.502_html', account => $first } },
	'one owner whose calls all hang until the timeout' => { whose => 'first', fault => { effect => 'hang', account => $first } },
	'a provider that hangs until the timeout'          => { whose => 'google', fault => { effect => 'hang', provider => 'google' } },
	'a provider that answers 429'                      => { whose => 'google', fault => { effect => 'answer', status => 429, body => '{}', provider => 'google' } });

sub run
{
	my ($server, $report) = @_;
	my $standin = Meetlink::Standin->new(folder => $server->folder, plain => 1);
	my $result = interleaved('commit to link, p99 in ms', $report->rounds,
		'undisturbed' => sub { p99($server, $standin) },
		map { my $what = $_; ($what => sub { p99($server, $standin, %{ $disturbances{$what} }) }) } sort keys %disturbances);
	$report->row('commit to link at 150 bookings/s, p99, undisturbed', sprintf('%.1f ms', median(@{ $result->{undisturbed} })));
	for my $what (sort keys %disturbances)
	{
		my ($times, $low, $high) = ratio($result->{$what}, $result->{undisturbed});
		$report->row("the same beside $broken sessions of $what", sprintf('%.1f times (%.1f to %.1f), %.1f ms', $times, $low, $high, median(@{ $result->{$what} })),
			'<= 2', $times <= 2);
	}
	return;
}

# The 99th percentile of commit to link of the well ones, in milliseconds.
sub p99
{
	my ($server, $standin, %disturbance) = @_;
	Bench::Links::fresh($server, $standin, 0);
	$server->attach('links');
	$server->sql('links', "create table google as select tutor_id from tutor_video_provider_connections order by tutor_id limit $google;
		create table first as select tutor_id from tutor_video_provider_connections where access_token_encrypted = '$Bench::Links::ciphertexts[0][0]';
		delete from google where tutor_id in (table first);
		update tutor_video_provider_connections set provider = 'google_meet' where tutor_id in (table google)");
	my $fault = $disturbance{fault} && $standin->fault(operation => 'create', times => 'forever', %{ $disturbance{fault} });
	if ($fault)
	{
		$server->sql('links', "with b as (
				insert into bookings (tutor_id, student_id, confirmed_start_at, confirmed_end_at)
				select t.tutor_id, (select id from profiles where role = 'student' limit 1), now() + interval '2 hours' + n * interval '1 s', now() + interval '3 hours' + n * interval '1 s'
				from generate_series(1, $broken) n
				join (select tutor_id, row_number() over () - 1 as r, count(*) over () as c from $disturbance{whose}) t on t.r = n % t.c returning *)
			insert into sessions (booking_id, tutor_id, student_id, provider, scheduled_start_at, scheduled_end_at, duration_minutes)
			select b.id, b.tutor_id, b.student_id, c.provider, b.confirmed_start_at, b.confirmed_end_at, 60
			from b join tutor_video_provider_connections c using (tutor_id); vacuum analyze");
	}
	my $daemon = Meetlink::Daemon->new(
		folder => $server->folder, standin => $standin, key => $Bench::Links::key, conninfo => $server->connstr('links', 'meetlinkd'),
		config => {
			zoom => { max_per_second => 1000 },
			# another host than Zoom's, as in life
			google => { map { ($_->[0] => '"' . ($standin->url =~ s/127\.0\.0\.1/localhost/r) . $_->[1] . '"') } [ token_url => '/google/token' ], [ api_base => '/calendar/v3' ] },
			log => { level => '"warning"' }
		});
	$daemon->start(no_wait => 1);
	wait_until('the broken ones are worked on', sub { my $now = $standin->admin(GET => "faults/$fault"); $now->{hits} + ($now->{held} // 0) > 0 }) if $fault;
	$server->bookings('links', 4000);
	Bench::Links::book_steadily($server, rate => 150, each => 375,
		from => "select b.id from bookings b join tutor_video_provider_connections c using (tutor_id)
			where c.provider = 'zoom' and b.tutor_id not in (table first) and not exists (select from sessions s where s.booking_id = b.id)");
	wait_until('the well ones have links', sub { $server->sql('links', "select not exists (select from sessions where join_url is null and notes ? 'xid')") eq 't' }, 120);
	$daemon->stop('KILL');    # what hangs would hold it up
	return $server->sql('links', q{select percentile_cont(0.99) within group (order by
			1000 * extract(epoch from pg_xact_commit_timestamp(xmin) - pg_xact_commit_timestamp((notes ->> 'xid')::xid)))
		from sessions where notes ? 'xid'});
}

1;
