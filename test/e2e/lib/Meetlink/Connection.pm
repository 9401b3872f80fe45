package Meetlink::Connection;

# A connection that speaks PostgreSQL's protocol itself: unlike psql it can wait for a notification, or send
# a statement and look elsewhere meanwhile, and it costs microseconds. Simple queries, trust only.
use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes qw(time);

sub new
{
	my ($class, $node, $database) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "could not connect: $!\n";
	my $self = bless { socket => $socket, buffer => '', notifications => 0, parent => $$ }, $class;
	my $startup = pack('N', 196608) . join("\0", user => getpwuid($<) . '', database => $database // 'postgres', '', '');
	syswrite $socket, pack('N', 4 + length $startup) . $startup or die "could not connect: $!\n";
	$self->result;
	return $self;
}

# Starts a statement (or several); `result` waits for its end.
sub start
{
	my ($self, $sql) = @_;
	syswrite $self->{socket}, 'Q' . pack('N', 5 + length $sql) . "$sql\0" or die "the server is gone: $!\n";
	return $self;
}

# The rows of what was started, like psql's unaligned ones. Dies with the error's message.
sub result
{
	my ($self, $limit) = @_;
	my (@rows, $error);
	for (;;)
	{
		my ($type, $body) = $self->_message($limit // 60) or die "no answer from the server\n";
		last if $type eq 'Z';
		$error = $1 if $type eq 'E' && $body =~ /\0M([^\0]*)/;
		if ($type eq 'D')
		{
			my ($count, $fields) = unpack 'n a*', $body;
			push @rows, join '|', map { (my $length, $fields) = unpack 'N a*', $fields; $length == 0xffffffff ? '' : substr $fields, 0, $length, '' } 1 .. $count;
		}
		die "$error\n" if $error && $body =~ /^S(FATAL|PANIC)/;
	}
	die "$error\n" if $error;
	return join "\n", @rows;
}

sub query
{
	my ($self, $sql) = @_;
	return $self->start($sql)->result;
}

# Waits for a notification, of those that have not been taken yet; false: none came within the limit (seconds).
sub notification
{
	my ($self, $limit) = @_;
	my $end = time() + $limit;
	until ($self->{notifications})
	{
		my $left = $end - time();
		return 0 if $left < 0 || !$self->_message($left);
	}
	$self->{notifications}--;
	return 1;
}

# Type and body of the next message, notifications only counted; nothing when none comes within the limit.
sub _message
{
	my ($self, $limit) = @_;
	for (;;)
	{
		if (length $self->{buffer} >= 5)
		{
			my ($type, $length) = unpack 'a N', $self->{buffer};
			if (length $self->{buffer} > $length)
			{
				my $body = substr substr($self->{buffer}, 0, 1 + $length, ''), 5;
				$self->{notifications}++ if $type eq 'A';
				return ($type, $body);
			}
		}
		return unless IO::Select->new($self->{socket})->can_read($limit);
		sysread($self->{socket}, $self->{buffer}, 65536, length $self->{buffer}) or die "the server is gone\n";
	}
	return;
}

1;
