package Bench::Streams;

# Two thousand open event streams on one daemon: what they cost it, and how soon after its booking a session's link is told
# to who watches it.
use strict;
use warnings;

use Bench::Links;
use IO::Select;
use IO::Socket::INET;
use Meetlink::Http qw(hs256);
use Meetlink::Standin;
use Time::HiRes qw(sleep time);

my $streams = 2000;
my $secret  = 'a secret of at least thirty-two bytes';

sub run
{
	my ($server, $report) = @_;
	my $standin = Meetlink::Standin->new(folder => $server->folder, plain => 1);
	Bench::Links::fresh($server, $standin, 0);
	$server->attach('links');
	$server->sql('links', q{select meetlink.attach(mapping => '{"grant_to": ["authenticated"]}'); create role meetlink_http login in role meetlink_gateway});
	$server->bookings('links', $streams);
	# flagged, and not tried before everybody watches
	$server->sql('links', $server->book_statement('') . "; update meetlink.job set state = 'waiting', reason = 'network_error', due_at = now() + interval '1 day'");
	my @sessions = map { [ split /\|/ ] } split /\n/, $server->sql('links', 'select id, tutor_id from sessions order by scheduled_start_at');
	my $daemon = Meetlink::Daemon->new(
		folder => $server->folder, standin => $standin, key => 'the key of the benchmark', conninfo => $server->connstr('links', 'meetlinkd'),
		config => {
			http => { listen => '"127.0.0.1:0"', conninfo => '"' . $server->connstr('links', 'meetlink_http') . '"', jwt_secret => qq("$secret") },
			zoom => { max_per_connection => 100, max_per_second => 100000 },
			log  => { level => '"info"' } });
	$daemon->start;
	my ($told) = grep { $_->{event} eq 'http_listening' } @{ $daemon->log };
	my $pid = $daemon->process->pid;

	my $before = resident($pid);
	my $begun  = time;
	my %watch  = map { my $socket = open_stream($told->{address}, @$_); ($socket => [ $socket, $_->[0] ]) } @sessions;
	my $opened = time - $begun;
	my $memory = resident($pid) - $before;
	print "# $streams streams open\n";

	my $select = IO::Select->new(map { $_->[0] } values %watch);
	my (%seen, $last);
	$server->sql('links', 'select count(*) from meetlink.retry_stuck()');
	my $end = time + 180;
	while (time < $end && (!defined $last || time < $last + 5))    # until no more come
	{
		for my $socket ($select->can_read(1))
		{
			my $count = sysread $socket, my $bytes, 4096;
			$select->remove($socket) unless $count;
			$seen{ $watch{$socket}[1] } = $last = time if $count && $bytes =~ /event: session/;
		}
	}
	my %linked = map { split /\|/ } split /\n/, $server->sql('links', q{select id, extract(epoch from pg_xact_commit_timestamp(xmin)) from sessions where join_url is not null});
	my @delays = sort { $a <=> $b } map { 1000 * ($seen{$_} - $linked{$_}) } grep { $linked{$_} && $seen{$_} >= $linked{$_} } keys %seen;
	$daemon->stop;
	$report->row("event streams: $streams opened one after the other", sprintf('%.1f s', $opened));
	$report->row('the same: memory they take', sprintf('%.1f MB (%.1f kB each)', $memory / 1024, $memory / $streams));
	$report->row('from a link\'s commit until its watcher is told, all links made at once: p50', sprintf('%.0f ms', $delays[ $#delays / 2 ]));
	$report->row('the same: p99', sprintf('%.0f ms', $delays[ $#delays * 0.99 ]));
	$report->row('watchers told of a link', scalar(@delays) . " of $streams", "$streams", @delays == $streams);
	return;
}

# A stream whose first block, the id, has been read.
sub open_stream
{
	my ($address, $session, $tutor) = @_;
	for my $try (1 .. 50)
	{
		my $socket = IO::Socket::INET->new(PeerAddr => $address) or die "connect: $!";
		my $token  = hs256($secret, qq({"role":"authenticated","sub":"$tutor"}));
		print $socket "GET /api/events?session=$session HTTP/1.1\r\nHost: $address\r\nAuthorization: Bearer $token\r\n\r\n";
		$socket->flush;
		my $text = '';
		while ($text !~ /id: \S+\n\n/ && $text !~ /^HTTP\S+ 503/)
		{
			sysread $socket, $text, 4096, length $text or last;
		}
		return $socket if $text =~ / 200 .*id: /s;
		sleep 0.05;
	}
	die "no stream of $session\n";
}

# Kilobytes.
sub resident
{
	my ($pid) = @_;
	open(my $status, '<', "/proc/$pid/status") or die $!;
	return (join('', <$status>) =~ /^VmRSS:\s+(\d+)/m)[0];
}

1;
