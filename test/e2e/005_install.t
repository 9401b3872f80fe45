# README's installation, line by line as it stands there: afterwards the daemon runs as its systemd unit says, and a
# booking gets its link. Not as root and without systemd: sudo, sudoedit and systemctl are stand-ins.
use strict;
use warnings;

use Meetlink::Process;
use Meetlink::Standin;
use Meetlink::Tutor;
use Meetlink::Wait qw(wait_until);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder  = PostgreSQL::Test::Utils::tempdir();
my $install = "$ENV{MEETLINK_ROOT}/sidecar/install";
my $daemon  = $ENV{MEETLINKD};

sub mode { return sprintf '%04o', (stat $_[0])[2] & 07777 }

sub script
{
	my ($name, $text) = @_;
	mkdir "$folder/bin";
	append_to_file("$folder/bin/$name", "#!/bin/sh\n$text\n");
	chmod 0755, "$folder/bin/$name";
	return;
}

# --- what `make install` does beside the extension (.dev/private-postgres installs that one as it does)

{
	local $ENV{DESTDIR} = "$folder/package";
	system_or_bail($install, $daemon);
	is(mode("$folder/package/$_->[0]"), $_->[1], "/$_->[0] is installed") for [ 'usr/local/bin/meetlinkd', '0755' ],
		[ 'usr/local/lib/systemd/system/meetlinkd.service', '0644' ], [ 'usr/local/share/meetlink/meetlinkd.toml', '0644' ],
		[ 'etc/meetlink/meetlinkd.toml', '0600' ];
	append_to_file("$folder/package/etc/meetlink/meetlinkd.toml", "# mine\n");
	system_or_bail($install, $daemon);
	like(slurp_file("$folder/package/etc/meetlink/meetlinkd.toml"), qr/# mine$/, 'installed again, the configuration that is there stays');
}
local @ENV{qw(PREFIX SYSCONFDIR)} = ("$folder/usr", "$folder/etc");
system_or_bail($install, $daemon);
my $unit_file = "$folder/usr/lib/systemd/system/meetlinkd.service";

# --- README's lines

my ($block) = slurp_file("$ENV{MEETLINK_ROOT}/README.md") =~ /^## Install it on your database\n(?:.*\n)*?((?:    .*\n)+)/m;
my @lines = map { s/^ +//r =~ s/\s+# .*//r } split /\n/, $block;
is(scalar @lines, 6, 'README installs in six lines') or BAIL_OUT('what is run below must be these lines and nothing else');
is(shift @lines, '.dev/install-packages build && make && sudo make install', 'of which the first has been seen to');
like(slurp_file("$ENV{MEETLINK_ROOT}/Makefile"), qr{^install: all .*\n.*extension/Makefile .* install\n\tPREFIX=\S+ SYSCONFDIR=\S+ sidecar/install build/meetlinkd\n}m, 'as the Makefile says');

my $schema = "$ENV{MEETLINK_ROOT}/test/fixture/app_schema.sql";
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'create database app');
$node->psql('app', undef, on_error_die => 1, extra_params => [ '-q', '-f', $schema ]);
my $standin = Meetlink::Standin->new(folder => $folder);

script(sudo => 'exec "$@"');
script(systemctl => "echo \"\$@\" >>$folder/systemctl.log");
my $conninfo = 'host=' . $node->host . ' port=' . $node->port . ' dbname=app';
my %value = (
	google => { client_id => 'google-client', client_secret => 'google-secret' },
	database => { conninfo => "$conninfo user=meetlinkd" },
	http => { conninfo => "$conninfo user=meetlink_http", listen => '127.0.0.1:0' },
	tokens => { encryption_key => 'test key' },
	zoom => { client_id => 'zoom-client', client_secret => 'zoom-secret', token_url => $standin->url . '/zoom/oauth/token', api_base => $standin->url . '/v2' },
	tls => { ca_file => $standin->ca_file });
my $edits = '';
for my $section (sort keys %value)
{
	$edits .= "-e '/^\\[$section\\]/,/^\\[/ s|^#$_ = .*|$_ = \"$value{$section}{$_}\"|' " for sort keys %{ $value{$section} };
}
script(sudoedit => "exec sed -i $edits \"\$1\"");

delete @ENV{ grep { /^MEETLINK/ } keys %ENV };    # an operator has none of the tests'
local $ENV{PATH} = "$folder/bin:$folder/usr/bin:$ENV{PATH}";
local @ENV{qw(PGHOST PGPORT)} = ($node->host, $node->port);
for my $line (@lines)
{
	my $here = $line =~ s{/etc/meetlink/}{$folder/etc/meetlink/}gr;
	my $output = `( $here ) 2>&1`;
	is($?, 0, $line) or diag $output;
	unlike($output, qr/warning:/, 'without a warning') if $line =~ /--check/;
}
is(slurp_file("$folder/systemctl.log"), "enable --now meetlinkd\n", 'which starts the service, now and at every boot');

# --- the service as its unit says: credentials are root's files, copied to a folder that only the daemon reads

my $unit = slurp_file($unit_file);
SKIP:
{
	skip 'no systemd-analyze', 1 if system('command -v systemd-analyze >/dev/null') != 0;
	my $complaints = `systemd-analyze verify $unit_file 2>&1`;
	is("$? $complaints", '0 ', 'systemd understands the unit');
}
mkdir "$folder/credentials";
my @credentials = $unit =~ /^LoadCredential=(\S+)$/mg;
is_deeply(\@credentials, ["meetlinkd.toml:$folder/etc/meetlink/meetlinkd.toml"], 'it asks for no file that README does not make');
for (@credentials)
{
	my ($name, $from) = split /:/;
	append_to_file("$folder/credentials/$name", slurp_file($from));
	chmod 0400, "$folder/credentials/$name";
}
my ($command) = $unit =~ /^ExecStart=(.*)$/m;
unlike($command, qr{\Q$folder/etc}, 'the daemon, which is not root, reads nothing that is root\'s alone');
my $running = Meetlink::Process->start({ output => "$folder/meetlinkd.log" }, split / /, $command =~ s{%d}{$folder/credentials}r);
wait_until('it is ready', sub { die $running->output unless $running->is_running; $running->output =~ /"event":"ready"/ });
my $tutor   = Meetlink::Tutor->new(sql => sub { $node->safe_psql('app', $_[0]) }, standin => $standin, key => 'test key', name => 'Ann');
my $session = $tutor->book;
like(wait_until('a booking gets its link', sub { $node->safe_psql('app', "select join_url from sessions where id = '$session'") }), qr/^https:/,
	'after README\'s lines a booking gets its link');
is($running->stop, 0, 'and the daemon ends in order');
done_testing();
