package Meetlink::Events;

# A reader of the daemon's event streams (GET /api/events), over a plain socket.
use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Meetlink::Wait qw(wait_until);
use Socket qw(SOL_SOCKET SO_RCVBUF);

# %options: token, last (Last-Event-ID), receive_buffer (bytes; as little as the system allows: a slow reader).
# Returns when the header has arrived.
sub new
{
	my ($class, $address, $query, %options) = @_;
	my ($host, $port) = split /:/, $address;
	my $socket = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!";
	setsockopt($socket, SOL_SOCKET, SO_RCVBUF, pack('i', $options{receive_buffer})) if $options{receive_buffer};
	$socket->connect(Socket::pack_sockaddr_in($port, Socket::inet_aton($host))) or die "connect: $!";
	print $socket "GET /api/events?$query HTTP/1.1\r\nHost: $address\r\n",
	  (defined $options{token} ? "Authorization: Bearer $options{token}\r\n" : ()), (defined $options{last} ? "Last-Event-ID: $options{last}\r\n" : ()), "\r\n";
	$socket->flush;
	my $self = bless { socket => $socket, raw => '', text => '', events => [], ended => 0 }, $class;
	wait_until('the stream answers', sub { $self->read; return $self->{raw} =~ /\r\n\r\n/ || $self->{ended} });
	my ($head, $rest) = split /\r\n\r\n/, $self->{raw}, 2;
	($self->{status}) = $head =~ m{^HTTP/1\.1 (\d+)};
	$self->{head} = $head;
	$self->{raw}  = $rest // '';
	$self->{open} = 1;
	wait_until('the stream has its first id', sub { $self->read; return defined $self->{last} || $self->{ended} }) if $self->{status} == 200 && !$options{receive_buffer};
	return $self;
}

sub status { return $_[0]{status} }
sub head   { return $_[0]{head} }
sub last_id { my $self = shift; $self->read; return $self->{last} }
sub ended  { my $self = shift; $self->read; return $self->{ended} }
sub close  { my $self = shift; CORE::close $self->{socket}; return }

# The events that have arrived: [ name, data ].
sub events { my $self = shift; $self->read; return @{ $self->{events} } }

# Waits for an event of this session, and forgets the events so far.
sub wait_for
{
	my ($self, $session) = @_;
	wait_until("an event of $session arrives", sub { grep { ($_->[1]{session_id} // '') eq $session } $self->events });
	$self->{events} = [];
	return 1;
}

# What has arrived, without waiting.
sub read
{
	my $self = shift;
	while (!$self->{ended} && IO::Select->new($self->{socket})->can_read(0))
	{
		my $count = sysread $self->{socket}, my $bytes, 65536;
		$self->{ended} = 1 unless $count;
		$self->{raw} .= $bytes if $count;
	}
	return unless $self->{open};
	while ($self->{raw} =~ /\A([0-9a-f]+)\r\n/i)
	{
		my ($size, $start) = (hex $1, $+[0]);
		last if length($self->{raw}) < $start + $size + 2;
		$self->{text} .= substr $self->{raw}, $start, $size;
		substr($self->{raw}, 0, $start + $size + 2) = '';
	}
	while ($self->{text} =~ s/\A(.*?)\n\n//s)
	{
		my %field = map { /^(\w+): (.*)$/ ? ($1 => $2) : () } split /\n/, $1;
		$self->{last} = $field{id} if defined $field{id};
		push @{ $self->{events} }, [ $field{event}, decode_json($field{data}) ] if defined $field{data};
	}
	return;
}

1;
