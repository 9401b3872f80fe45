package Meetlink::Wire;

# The wire between a daemon and PostgreSQL, with its troubles: a TCP proxy that can lose notifications
# (as a transaction pooler does), fall silent without closing anything, or break.
use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC);

# %options: node (PostgreSQL::Test::Cluster).
sub new
{
	my ($class, %options) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64, ReuseAddr => 1) or die "no port: $!\n";
	socketpair(my $here, my $there, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!\n";
	my $server = $options{node}->host . '/.s.PGSQL.' . $options{node}->port;
	my $pid = fork() // die "could not fork: $!\n";
	if ($pid == 0)
	{
		close $here;
		$SIG{PIPE} = 'IGNORE';
		eval { _forward($listener, $there, $server); 1 } or warn $@;
		POSIX::_exit(0);
	}
	close $there;
	return bless { pid => $pid, port => $listener->sockport, control => $here, parent => $$ }, $class;
}

# For a conninfo: where the daemon connects instead. No TLS, so that messages can be told apart.
sub address { return "host=127.0.0.1 port=$_[0]{port} sslmode=disable gssencmode=disable" }

# pass: as if it were not there. deaf: notifications never arrive. frozen: nothing moves, nothing closes.
# cut: every connection breaks, and new ones are refused. Returns when it is so.
sub become
{
	my ($self, $state) = @_;
	return _ask($self->{control}, $state);
}

# How many notifications it has swallowed.
sub swallowed { return 0 + _ask($_[0]{control}, 'count') }

sub _ask
{
	my ($control, $word) = @_;
	syswrite($control, "$word\n") or die "the wire is gone: $!\n";
	my $answer = <$control> // die "the wire is gone\n";
	chomp $answer;
	return $answer;
}

sub DESTROY
{
	my $self = shift;
	return unless $self->{parent} == $$;
	local $?;
	close $self->{control};    # which ends it
	waitpid($self->{pid}, 0);
	return;
}

# --- the proxy process -------------------------------------------------------------------------

sub _forward
{
	my ($listener, $control, $server) = @_;
	my ($state, $swallowed, %other, %from_server, %pending) = ('pass', 0);
	my $select = IO::Select->new($listener, $control);
	my $hang_up = sub {
		my @both = ($_[0], $other{ $_[0] });
		for my $one (@both)
		{
			$select->remove($one);
			delete $_->{$one} for \%other, \%from_server, \%pending;
			close $one;
		}
	};
	for (;;)
	{
		# frozen: only orders are read, so that the kernel's buffers fill as on a dead route
		my @ready = $state eq 'frozen' ? IO::Select->new($control)->can_read : $select->can_read;
		for my $socket (@ready)
		{
			if ($socket == $control)
			{
				sysread($control, my $word, 64) or return;
				chomp $word;
				if ($word eq 'count') { syswrite($control, "$swallowed\n"); next }
				$state = $word;
				if ($state eq 'cut') { my @servers = values %from_server; $hang_up->($_) for @servers }
				syswrite($control, "$state\n");
			}
			elsif ($socket == $listener)
			{
				my $client = $listener->accept or next;
				my $backend = $state eq 'cut' ? undef : IO::Socket::UNIX->new(Peer => $server);
				if (!$backend) { close $client; next }
				$other{$client}        = $backend;
				$other{$backend}       = $client;
				$from_server{$backend} = $backend;
				$pending{$backend}     = '';
				$select->add($client, $backend);
			}
			elsif (exists $other{$socket})
			{
				my $size = sysread($socket, my $data, 65536);
				if (!$size) { $hang_up->($socket); next }
				my $target = $other{$socket};
				if ($from_server{$socket})
				{
					# whole messages: type, length with itself, the rest (protocol 3.0)
					my $bytes = $pending{$socket} . $data;
					$data = '';
					while (length $bytes >= 5)
					{
						my $length = 1 + unpack('xN', $bytes);
						last if length $bytes < $length;
						my $message = substr($bytes, 0, $length, '');
						if ($state eq 'deaf' && $message =~ /^A/) { $swallowed++ }
						else                                      { $data .= $message }
					}
					$pending{$socket} = $bytes;
				}
				while (length $data)
				{
					my $written = syswrite($target, $data) // last;
					substr($data, 0, $written, '');
				}
			}
		}
	}
	return;
}

1;
