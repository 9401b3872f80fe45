package Meetlink::Browser;

# Chromium without a window (test/pages/driver.mjs). Pages have names; a command that fails ends the test.
use strict;
use warnings;

use File::Path qw(make_path);
use IPC::Open2 qw(open2);
use JSON::PP ();
use Test::More;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# Why there can be none on this machine, or nothing. Installs what npm has.
sub missing
{
	return 'Chromium is not installed' unless _chromium();
	return 'npm is not installed' unless _in_path('npm');
	my $folder = _folder();
	return if -d "$folder/node_modules/playwright-core";
	make_path($folder);
	diag('installing playwright-core');
	system("cp '$ENV{MEETLINK_ROOT}/test/pages/package.json' '$folder' && cd '$folder' && npm install --no-audit --no-fund --loglevel=error >npm.log 2>&1") == 0
	  or return "playwright-core could not be installed, see $folder/npm.log";
	return;
}

sub new
{
	my ($class) = @_;
	my $folder = _folder();
	system("cp '$ENV{MEETLINK_ROOT}'/test/pages/driver.mjs '$folder'") == 0 or die "cp failed\n";
	local $ENV{CHROMIUM} = _chromium();
	local $ENV{HOME} = $folder;
	my $pid  = open2(my $out, my $in, 'node', "$folder/driver.mjs");
	my $self = bless { pid => $pid, in => $in, out => $out, owner => $$ }, $class;
	$self->_answer;
	return $self;
}

# $browser->open(page => 'tutor', url => ...), and so on: every command of the driver. The result.
sub AUTOLOAD    ## no critic
{
	my ($self, %options) = @_;
	my ($command) = our $AUTOLOAD =~ /::(\w+)\z/;
	print { $self->{in} } $json->encode({ %options, command => $command }), "\n";
	$self->{in}->flush;
	my $answer = $self->_answer;
	die "browser: $command @{[ $json->encode(\%options) ]}: $answer->{error}\n" if defined $answer->{error};
	return $answer->{result};
}

sub _answer
{
	my ($self) = @_;
	my $line = readline $self->{out};
	defined $line or die "the browser ended\n";
	return $json->decode($line);
}

sub DESTROY
{
	my ($self) = @_;
	return unless $$ == $self->{owner};
	local $?;
	close $self->{in};
	waitpid $self->{pid}, 0;
	return;
}

sub _folder   { return "$ENV{MEETLINK_BUILD}/browser" }
sub _chromium { return _in_path('chromium') }
sub _in_path  { my ($name) = @_; my ($found) = grep { -x } map { "$_/$name" } split /:/, $ENV{PATH}; return $found }

1;
