#
# Databases of other encodings and locales than that of the repository's text, which is
# UTF-8: rows and names come back as they are, and nobody's list fails over
# another one's characters.
#
# test/t/012_export_encodings.pl
#
use strict;
use warnings;

use PgBackupArchive;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
my $scratch = PostgreSQL::Test::Utils::tempdir_short();

# Psql passes bytes on as they are.
$ENV{PGCLIENTENCODING} = 'SQL_ASCII';

# A character of each encoding, the same in UTF-8, and how the labels with all of
# them look in it.
my %char = (LATIN1 => "\xe9", SQL_ASCII => "\xe9", EUC_JP => "\xa4\xa2", UTF8 => "\xc3\xa9");
my %in_utf8 = (LATIN1 => "\xc3\xa9", SQL_ASCII => '?', EUC_JP => "\xe3\x81\x82", UTF8 => "\xc3\xa9");
my %seen = (
	LATIN1 => [ '?', "\xe9" ],
	SQL_ASCII => [ '?', "\xc3\xa9", "\xe3\x81\x82" ],
	EUC_JP => [ '?', "\x8f\xab\xb1", "\xa4\xa2" ],
	UTF8 => [ '?', "\xc3\xa9", "\xe3\x81\x82" ]);

# ---- one database of each ----

my %databases = (
	LATIN1 => qq(latin "one" and\\'s $char{LATIN1}),
	SQL_ASCII => 'no encoding',
	EUC_JP => 'japanese',
	UTF8 => 'of the locale C.UTF-8');

foreach my $encoding (qw(SQL_ASCII LATIN1 EUC_JP UTF8))
{
	my $database = $databases{$encoding};
	my $char = $char{$encoding};
	my $locale = $encoding eq 'UTF8' ? 'C.UTF-8' : 'C';

	create_database($database, "ENCODING '$encoding' LOCALE '$locale'");
	$node->safe_psql($database, <<"SQL");
CREATE SCHEMA "s$char";
CREATE TABLE "s$char"."t$char" ("c$char" text, d text DEFAULT '$char', CHECK ("c$char" <> '${char}x'));
COMMENT ON TABLE "s$char"."t$char" IS 'comment $char';
INSERT INTO "s$char"."t$char" VALUES ('$char'), ('\\'), ('a $char b'), (E'\\t$char\\n'), (repeat('$char', 100000));
CREATE TABLE plain (t text);
SQL
	$node->safe_psql($database, q(INSERT INTO plain SELECT chr(n) FROM generate_series(1, 255) n WHERE n NOT BETWEEN 128 AND 160))
	  if $encoding ne 'EUC_JP';

	my $id = $node->safe_psql($database, qq(SELECT pgbackup_run(label => 'label $char', tables => '{s$char.t*,plain}')));
	my $folder = backup_folder($node, $id);
	my $manifest = read_manifest($folder);

	is($manifest->{encoding}, $encoding, "$encoding: the manifest tells it");
	is(utf8_of($manifest->{label}), "label $in_utf8{$encoding}", "$encoding: the manifest has the label in UTF-8");
	is_deeply(
		[ map { utf8_of("$_->{schema}.$_->{name}") } @{ $manifest->{tables} } ],
		[ 'public.plain', "s$in_utf8{$encoding}.t$in_utf8{$encoding}" ],
		"$encoding: the manifest has the names in UTF-8");
	is_deeply([ damage_of($folder, $manifest) ], [], "$encoding: every file is as the manifest says");
	is_restorable($database, $encoding, $locale);
}

# ---- what they see of each other ----

foreach my $encoding (sort keys %databases)
{
	is( $node->safe_psql($databases{$encoding}, q(SELECT DISTINCT label FROM pgbackup_list() WHERE label <> '' ORDER BY label)),
		join("\n", map { "label $_" } @{ $seen{$encoding} }),
		"$encoding: all labels are listed, with a question mark for what it has not");
	is( $node->safe_psql($databases{$encoding}, q(SELECT table_name FROM pgbackup_contents() WHERE schema_name <> 'public')),
		't' . ($encoding eq 'SQL_ASCII' ? '?' : $char{$encoding}),
		"$encoding: it finds its own latest backup, and the names in it");
}

# ---- a client_encoding that is not the database's ----

my $utf8 = $databases{UTF8};

$node->safe_psql('postgres', qq(ALTER DATABASE "$utf8" SET client_encoding = 'LATIN1'));
is_restorable($utf8, 'UTF8', 'C.UTF-8');
$node->safe_psql('postgres', qq(ALTER DATABASE "$utf8" RESET client_encoding));

# ---- settings of the database that change how values look ----

create_database('settings', '');
$node->safe_psql('settings', <<'SQL');
CREATE TABLE t (tz timestamptz, i interval, f float8, b bytea, c regclass);
INSERT INTO t VALUES ('2001-02-03 04:05:06.7+08', '1 year 2 days 03:04', 1 / 3::float8, '\x00ff', 'public.t');
ALTER DATABASE settings SET datestyle = 'SQL, DMY';
ALTER DATABASE settings SET intervalstyle = 'iso_8601';
ALTER DATABASE settings SET extra_float_digits = -5;
ALTER DATABASE settings SET bytea_output = 'escape';
ALTER DATABASE settings SET timezone = 'Asia/Kathmandu';
ALTER DATABASE settings SET search_path = public;
ALTER DATABASE settings SET default_transaction_read_only = on;
ALTER DATABASE settings SET statement_timeout = '1ms';
ALTER DATABASE settings SET row_security = on;
SQL
my $id = $node->safe_psql('settings', 'SET statement_timeout = 0; SELECT pgbackup_run()');
my ($table) = grep { $_->{name} eq 't' } @{ read_manifest(backup_folder($node, $id))->{tables} };
is(table_rows(backup_folder($node, $id), $table),
	"2001-02-02 20:05:06.7+00\t1 year 2 days 03:04:00\t0.3333333333333333\t\\\\x00ff\tpublic.t\n",
	'values look as in any dump, whatever the settings of the database');

done_testing();

sub create_database
{
	my ($name, $options) = @_;

	# where any bytes can be written
	my $from = $name eq $databases{SQL_ASCII} ? 'postgres' : $databases{SQL_ASCII};
	my $quoted = $name =~ s/"/""/gr;

	$node->safe_psql($from, qq(CREATE DATABASE "$quoted" TEMPLATE template0 $options));
	$node->safe_psql($name, 'CREATE EXTENSION pgbackup');
	return;
}

# The whole database, by stock pg_restore.
sub is_restorable
{
	my ($database, $encoding, $locale) = @_;
	my $backup = $node->safe_psql($database, 'SELECT pgbackup_run()');
	my $folder = backup_folder($node, $backup);

	# how it ended is written down after the backup has looked
	$node->safe_psql($database, "DELETE FROM pgbackup_runs WHERE backup = '$backup'");
	$folder = decompress_for_restore($folder, "$scratch/archive") if $node->pg_version < 16;
	$node->safe_psql('postgres', qq(CREATE DATABASE restored TEMPLATE template0 ENCODING '$encoding' LOCALE '$locale'));
	$node->command_ok([ 'pg_restore', '--exit-on-error', '--dbname=restored', $folder ], "$encoding: pg_restore takes it");
	is( plain_dump($node, 'restored', "--encoding=$encoding"),
		plain_dump($node, $node->connstr($database), "--encoding=$encoding"),
		"$encoding: what pg_restore makes of the backup is the original");
	$node->safe_psql('postgres', 'DROP DATABASE restored');
	system('rm', '-rf', "$scratch/archive");
	return;
}

sub utf8_of
{
	my ($text) = @_;

	utf8::encode($text);
	return $text;
}
