package Meetlink::Process;

# A program started by a test: its output goes to a file, and it ends with the test.
use strict;
use warnings;

use POSIX qw(WNOHANG);
use Meetlink::Wait qw(wait_until);

my %running;

# Starts the command (a list); %$options: output (file), environment (hash), outlive (it is left running).
sub start
{
	my ($class, $options, @command) = @_;
	my $pid = fork() // die "could not fork: $!\n";
	if ($pid == 0)
	{
		POSIX::setsid() if $options->{outlive};
		%ENV = (%ENV, %{ $options->{environment} // {} });
		open(STDIN,  '<',  '/dev/null')          or die $!;
		open(STDOUT, '>>', $options->{output}) or die "$options->{output}: $!";
		open(STDERR, '>&', \*STDOUT)             or die $!;
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	my $self = bless { pid => $pid, output => $options->{output}, command => \@command, parent => $$ }, $class;
	$running{$pid} = $self unless $options->{outlive};
	return $self;
}

sub pid { return $_[0]{pid} }

sub is_running
{
	my $self = shift;
	$self->_reap(WNOHANG) unless defined $self->{status};
	return !defined $self->{status};
}

# What it has written so far.
sub output
{
	my $self = shift;
	open(my $file, '<', $self->{output}) or return '';
	local $/ = undef;
	return scalar <$file>;
}

sub signal
{
	my ($self, $signal) = @_;
	return kill($signal, $self->{pid});
}

# Waits for its end; the exit code, or 128 + signal like a shell.
sub wait_for_end
{
	my ($self, $limit) = @_;
	wait_until("$self->{command}[0] ended", sub { !$self->is_running }, $limit);
	return $self->{status} & 127 ? 128 + ($self->{status} & 127) : $self->{status} >> 8;
}

# Asks it to end; the exit code.
sub stop
{
	my ($self, $signal) = @_;
	$self->signal($signal // 'TERM') if $self->is_running;
	return $self->wait_for_end;
}

sub _reap
{
	my ($self, $flags) = @_;
	if (waitpid($self->{pid}, $flags) == $self->{pid})
	{
		$self->{status} = $?;
		delete $running{ $self->{pid} };
	}
	return;
}

END
{
	my $status = $?;
	for my $process (grep { $_->{parent} == $$ } values %running)
	{
		$process->signal('TERM');
		eval { $process->wait_for_end(30); 1 } or $process->signal('KILL');
	}
	$? = $status;
}

1;
