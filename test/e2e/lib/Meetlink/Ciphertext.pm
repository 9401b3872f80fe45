package Meetlink::Ciphertext;

# Tokens as the application stores them (README "Token formats"), made with the openssl command: the
# daemon's own code must not be what it is tested against.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Encode qw(encode_utf8);
use Exporter qw(import);
use IPC::Open2 qw(open2);

our @EXPORT_OK = qw(encrypt_cbc decrypt_cbc);

sub encrypt_cbc
{
	my ($key, $plain) = @_;
	my $iv = unpack 'H*', _random(16);
	return "$iv:" . unpack 'H*', _openssl($key, $iv, $plain, '-e');
}

sub decrypt_cbc
{
	my ($key, $stored) = @_;
	my ($iv, $ciphertext) = $stored =~ /^([0-9a-f]{32}):([0-9a-f]+)$/ or die "not in the application's format\n";
	return _openssl($key, $iv, pack('H*', $ciphertext), '-d');
}

sub _openssl
{
	my ($key, $iv, $input, $direction) = @_;
	my $pid = open2(my $out, my $in, qw(openssl enc -aes-256-cbc), $direction, '-K', sha256_hex(encode_utf8($key)), '-iv', $iv);
	binmode $_ for $out, $in;
	print $in $input;
	close $in;
	local $/ = undef;
	my $output = <$out> // '';
	waitpid $pid, 0;
	die "openssl failed\n" if $?;
	return $output;
}

sub _random
{
	my ($bytes) = @_;
	open(my $file, '<:raw', '/dev/urandom') or die $!;
	read($file, my $random, $bytes) == $bytes or die "no randomness\n";
	return $random;
}

1;
