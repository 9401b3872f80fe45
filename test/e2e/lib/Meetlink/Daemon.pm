package Meetlink::Daemon;

# meetlinkd with a configuration of its own, working on a test's database with the stand-in provider.
use strict;
use warnings;

use JSON::PP qw(decode_json);
use Meetlink::Process;
use Meetlink::Wait qw(wait_until);

# %options: folder, conninfo, standin (Meetlink::Standin), key (encryption key), name, config ({section =>
# {key => TOML value}}, over the defaults below), outlive (it is left running).
sub new
{
	my ($class, %options) = @_;
	my $self = bless { name => 'daemon', key => 'test key', %options }, $class;
	$self->{config_file} = "$self->{folder}/$self->{name}.toml";
	$self->{log_file}    = "$self->{folder}/$self->{name}.log";
	$self->configure(%{ $self->{config} // {} });
	return $self;
}

# Writes the configuration file anew.
sub configure
{
	my ($self, %changes) = @_;
	my $standin = $self->{standin};
	my %config  = (
		database => { conninfo => _string($self->{conninfo}) },
		sidecar  => { name     => _string($self->{name}) },
		http     => { listen   => '""' },
		tokens   => { encryption_key => _string($self->{key}) },
		google   => {
			client_id     => '"google-client"',
			client_secret => '"google-secret"',
			token_url     => _string($standin->url . '/google/token'),
			api_base      => _string($standin->url . '/calendar/v3'),
		},
		zoom => {
			client_id     => '"zoom-client"',
			client_secret => '"zoom-secret"',
			token_url     => _string($standin->url . '/zoom/oauth/token'),
			api_base      => _string($standin->url . '/v2'),
		},
		tls => { ca_file => _string($standin->ca_file) },
		log => { level   => '"debug"' });
	for my $section (keys %changes)
	{
		my %settings = (%{ $config{$section} // {} }, %{ $changes{$section} });
		# undef takes a default of this module away
		$config{$section} = { map { ($_ => $settings{$_}) } grep { defined $settings{$_} } keys %settings };
	}
	open(my $file, '>', $self->{config_file}) or die "$self->{config_file}: $!";
	for my $section (sort keys %config)
	{
		print $file "[$section]\n", map { "$_ = $config{$section}{$_}\n" } sort keys %{ $config{$section} };
	}
	close $file or die $!;
	chmod 0600, $self->{config_file};
	return $self;
}

sub command
{
	my ($self, @arguments) = @_;
	my $binary = $ENV{MEETLINKD} // "$ENV{MEETLINK_BUILD}/meetlinkd";
	return ((split ' ', $ENV{MEETLINKD_WRAPPER} // ''), $binary, '--config', $self->{config_file}, @arguments);
}

# Starts it, and waits until it works.
sub start
{
	my ($self, %options) = @_;
	my $seen = scalar @{ $self->log };
	$self->{process} = Meetlink::Process->start(
		{ output => $self->{log_file}, environment => $options{environment} // {}, outlive => $self->{outlive} }, $self->command);
	wait_until("$self->{name} is ready",
		sub {
			die "meetlinkd ended at start:\n" . $self->{process}->output . "\n" unless $self->{process}->is_running;
			return grep { $_->{event} eq 'ready' } @{ $self->log }[ $seen .. $#{ $self->log } ];
		}) unless $options{no_wait};
	return $self;
}

# Runs to the end (--once, --check, ...), with an environment if the first argument is a hash; the exit
# code and what it printed.
sub run
{
	my ($self, @arguments) = @_;
	my $environment = ref $arguments[0] ? shift @arguments : {};
	my $output = "$self->{folder}/$self->{name}-" . (++$self->{runs}) . '.out';
	my $process = Meetlink::Process->start({ output => $output, environment => $environment }, $self->command(@arguments));
	my $code = $process->wait_for_end(120);
	return ($code, $process->output);
}

sub process { return $_[0]{process} }
sub stop    { my ($self, @signal) = @_; return $self->{process}->stop(@signal) }

# The log's events, one hash a line.
sub log
{
	my $self = shift;
	open(my $file, '<', $self->{log_file}) or return [];
	return [ map { eval { decode_json($_) } // () } grep { /^\{.*\}$/ } map { chomp; $_ } <$file> ];
}

sub log_text
{
	my $self = shift;
	open(my $file, '<', $self->{log_file}) or return '';
	local $/ = undef;
	return scalar <$file>;
}

sub _string
{
	my ($text) = @_;
	$text =~ s/([\\"])/\\$1/g;
	return "\"$text\"";
}

1;
