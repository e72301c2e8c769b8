#
# 071_verify.pl
#	  pgbackup_verify of logical backups: each damage is found by the depth that promises
#	  to find it, and by no other; what was restored for it is gone however it ends.
#
# test/t/071_verify.pl
#
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP;
use PgBackupRestore;
use PgBackupSchedule;
use PgBackupTest;
use PgBackupTrouble;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => "max_worker_processes = 20\nrestart_after_crash = on\n"
	  . "pgbackup.retention_logical = 'last=1'\n");
my $scratch = $node->basedir . '/scratch';
$node->append_conf('postgresql.conf', "pgbackup.scratch_directory = '$scratch'\n");
$node->reload;

sub sql { return $node->safe_psql('postgres', $_[0]); }

# "status object: detail" of each row; what it warns of is no failure
sub verify
{
	my ($arguments) = @_;
	my (undef, $out, $err) = $node->psql('postgres',
		"SELECT status || ' ' || object || ': ' || detail FROM pgbackup_verify($arguments)");
	return $err =~ /ERROR/ ? $err : $out;
}

# What a restore leaves behind, of which there must be nothing.
sub leftovers
{
	return join ' ', grep { $_ ne '' } sql(q{SELECT string_agg(datname, ' ') FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1', 'other')}),
	  sql(q{SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname IN ('another', 'clerk', 'former')}),
	  glob("$scratch/*"), grep { /pgbackup/ } glob($node->data_dir . '/base/pgsql_tmp/*');
}

# The manifest with a part replaced, and sealed again.
sub alter_manifest
{
	my ($id, $pattern, $replacement) = @_;
	my $path = backup_folder($node, $id) . '/manifest.json';
	my $text = read_file($path);

	$text =~ s/$pattern/$replacement/ or die 'nothing to replace';
	$text =~ s/^  "sha256": .*\n\}\n\z//m or die 'no end';
	write_file($path, $text . '  "sha256": "' . sha256_hex($text) . "\"\n}\n");
	return;
}

sub proven { return sql("SELECT proven_at IS NOT NULL FROM pgbackup_list() WHERE id = '$_[0]'"); }

# ---- what there is ----

fails_like($node, 'SELECT * FROM pgbackup_verify()', qr/does not exist\nHINT:  The first backup makes it/, 'without a repository');
sql(q{
	CREATE ROLE former LOGIN PASSWORD 'secret' SUPERUSER;
	CREATE TABLE numbers (id int PRIMARY KEY, t text UNIQUE, n numeric(10, 3), d double precision, doubled int GENERATED ALWAYS AS (id * 2) STORED);
	INSERT INTO numbers (id, t, n, d) SELECT i, E'line\n' || i || E'\ttab \\ end', i / 7.0, sqrt(i) FROM generate_series(1, 5000) i;
	CREATE TABLE empty (id int);
	CREATE TABLE no_columns ();
	INSERT INTO no_columns DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES;
	CREATE TABLE parent (a int, b text);
	CREATE TABLE child (b text, c date, a int);
	ALTER TABLE child INHERIT parent;
	INSERT INTO child VALUES ('of the child', '2001-02-03', 4), (NULL, NULL, NULL);
	CREATE TYPE mood AS ENUM ('sad', 'glad');
	CREATE TABLE moods (m mood, i int) PARTITION BY HASH (m);
	CREATE TABLE moods_0 PARTITION OF moods FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE moods_1 PARTITION OF moods FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	INSERT INTO moods SELECT (ARRAY['sad', 'glad'])[1 + i % 2]::mood, i FROM generate_series(1, 100) i;
	CREATE TABLE owned (id int);
	ALTER TABLE owned OWNER TO former;
	CREATE ROLE another LOGIN;
	CREATE TABLE owned_too (id int);
	ALTER TABLE owned_too OWNER TO another;
	CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
	CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION watch();
	ALTER EVENT TRIGGER watch OWNER TO former;
	CREATE POLICY p ON owned TO former USING (true);
	SELECT lo_from_bytea(0, convert_to(repeat('large object ', 30000), 'UTF8'));
	SELECT lo_from_bytea(0, '');
});
my $good = sql('SELECT pgbackup_run()');
sql('DROP EVENT TRIGGER watch; DROP OWNED BY former, another; DROP ROLE former, another');
sql('CREATE DATABASE other');

# ---- all is well ----

my $stored = backup_manifest_files($good);
is(verify(''), "ok $good: Checked: Lengths and checksums of $stored. Not checked: what they decompress to, and whether it can be restored.",
	'objects: one row, which says what was not checked');
like(verify("depth => 'contents'"), qr/^ok $good: Checked: Lengths and checksums of \Q$stored\E, and all that they decompress to\. Not checked: whether it can be restored\.$/,
	'contents');
is(proven($good), 'f', 'neither is a proof');

my $rows = verify("'latest', 'restore'");
like($rows, qr/^ok $good: Checked: .* It was restored in [0-9.]+ s, and looked into for [0-9.]+ s\. .*\z/m, 'restore: the last row is that of the backup');
unlike($rows, qr/^(damaged|missing|failed)/m, 'and there is no problem');
like($rows, qr/^not checked $good\/restore: Values of sequences/m, 'it says what was not checked');
is(proven($good), 't', 'it is proven');
is(leftovers(), '', 'and nothing is left');
is(verify("'$good'") =~ s/:.*//sr, "ok $good", 'by its id');

# the proof, against the tables themselves
my $path = backup_folder($node, $good) . '/proof.json';
my $text = read_file($path);
my ($body, $seal) = $text =~ /\A(.*)  "sha256": "([0-9a-f]{64})"\n\}\n\z/s;
is($seal, sha256_hex($body), 'the proof is sealed');
my $proof = JSON::PP->new->utf8->decode($text);
my %found = map { ("$_->{schema}.$_->{name}" => $_->{rows}) } @{ $proof->{tables} };
my %live = map { /(.*) (\d+)/ } split /\n/, sql(
	q{SELECT format('public.%s %s', relname, (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM ONLY %I', relname), false, true, '')))[1])
	FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname !~ '^pgbackup_'});
is_deeply({ map { ($_ => $found{$_}) } keys %live }, \%live, 'its rows are those of the tables');
is((grep { !defined $_->{digest} && $_->{name} !~ /^(pgbackup_|moods)/ } @{ $proof->{tables} }), 0, 'each of which was compared');
is($proof->{backup}, $good, 'of this backup');
cmp_ok($proof->{recovery_microseconds}, '>', 0, 'with the time that it took');
my ($status, $out, $err);
my $nothing = PostgreSQL::Test::Utils::tempdir();
write_file("$nothing/pgbackup.json", read_file(repository($node) . '/pgbackup.json'));
foreach my $options ([], ['--all'], [ '--all', '--output=json' ])
{
	($status, $out, $err) = program('verify', '--repository', $nothing, @$options);
	is("$status $out", '1 ', "the program: @$options, where nothing is, is not well");
	like($err, qr/there is no backup in/, 'and it says why');
}
($status, $out, $err) = program('show', '--repository', repository($node), $good);
like($out, qr/^Proven: .* by PostgreSQL .*^Recovered in: .*^Checked: .*^Not checked: /ms, 'the program shows it');
($status, $out, $err) = program('list', '--output=json', '--repository', repository($node));
is(JSON::PP->new->utf8->decode($out)->{backups}[0]{proven_at}, $proof->{proven_at}, 'and lists it');

# a damaged proof is none
flip_bit($path, 300);
is(proven($good), 'f', 'a damaged proof is no proof');
($status, $out, $err) = program('show', '--repository', repository($node), $good);
like($out, qr/^Proven: +no: the proof cannot be read: /m, 'and the program says so');
is(verify("'$good'") =~ s/:.*//sr, "ok $good", 'the backup is not the worse for it');
unlink $path;

# ---- damage ----

# A copy of the backup, to be damaged; newer than it.
my $copies = 0;
sub copy_of
{
	my ($id) = @_;
	my $from = backup_folder($node, $id);
	my $new = sprintf '20990101-0000%02dL', ++$copies;

	system_or_bail('cp', '-r', $from, $from =~ s/\Q$id\E$/$new/r);
	unlink(backup_folder($node, $new) . '/proof.json');
	alter_manifest($new, qr/"\Q$id\E"/, "\"$new\"");
	return $new;
}

# The name of the file that has the rows of a table.
sub file_of
{
	my ($id, $table) = @_;
	my $manifest = JSON::PP->new->utf8->decode(read_file(backup_folder($node, $id) . '/manifest.json'));
	my ($entry) = grep { $_->{name} eq $table } @{ $manifest->{tables} };
	return $entry->{file};
}

sub backup_manifest_files
{
	my ($id) = @_;
	my $manifest = JSON::PP->new->utf8->decode(read_file(backup_folder($node, $id) . '/manifest.json'));
	return "$manifest->{totals}{files} objects ($manifest->{totals}{stored_bytes} bytes)";
}

my $file = file_of($good, 'numbers');
my $bad = copy_of($good);
flip_bit(backup_folder($node, $bad) . "/$file", 100);
for my $depth ('objects', 'contents', 'restore')
{
	my $found = verify("depth => '$depth'");
	like($found, qr/^damaged $bad\/$file: its CRC-32C is .*\ndamaged $bad: Problems: 1\. Checked: /, "$depth: a flipped bit");
	unlike($found, qr/It was restored/, "$depth: nothing is restored of it");
}
is(verify('') =~ /Not checked: what they decompress to/ ? 1 : 0, 1, 'objects claims no more than it has checked');

unlink(backup_folder($node, $bad) . "/$file");
like(verify(''), qr/^missing $bad\/$file: .*\ndamaged $bad: /, 'a file that is not there');

# a frame that holds other rows than it says, with all checksums right
$bad = copy_of($good);
alter_manifest($bad, qr/("name": "numbers", "rows": )5000/, '${1}5001' =~ s/\$\{1\}/"name": "numbers", "rows": /r);
like(verify(''), qr/^ok $bad: /, 'a wrong number of rows: objects does not find it');
like(verify("depth => 'contents'"), qr/^damaged $bad\/$file: it holds 5000 rows, but should hold 5001\n/, 'contents does');
flip_bit(backup_folder($node, $bad) . '/manifest.json', 500);
like(verify(''), qr/^damaged $bad\/manifest.json: .*is damaged.*\ndamaged $bad: Nothing else/, 'the latest one counts, also if its manifest is damaged');
system_or_bail('rm', '-r', backup_folder($node, "209901${_}L")) for '01-000001', '01-000002';

# what only a restore finds: an index that is not unique
sql(q{
	CREATE TABLE twice (id int);
	CREATE UNIQUE INDEX twice_id ON twice (id);
	UPDATE pg_index SET indisready = false, indislive = false WHERE indexrelid = 'twice_id'::regclass;
});
sql('INSERT INTO twice VALUES (1), (1)');
sql("UPDATE pg_index SET indisready = true, indislive = true WHERE indexrelid = 'twice_id'::regclass");
$bad = sql('SELECT pgbackup_run()');
like(verify("depth => 'contents'"), qr/^ok $bad: /, 'an index that cannot be built: contents does not find it');
like(verify("depth => 'restore'"), qr/^failed $bad\/restore: pg_restore failed.*could not create unique index.*\nfailed $bad: Problems: 1\. Checked: .*decompress to\.\s*$/ms, 'a restore does');
is(proven($bad), 'f', 'it is not proven');
is(leftovers(), '', 'and nothing is left');
sql('DROP TABLE twice');

# rows that come back as others: a type whose output is not its input
sql(q{
	CREATE TYPE odd;
	CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal IMMUTABLE STRICT AS 'float4in';
	CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
	CREATE TYPE odd (input = odd_in, output = odd_out, internallength = 4, passedbyvalue, alignment = int4);
	CREATE TABLE odd_rows (o odd);
	INSERT INTO odd_rows VALUES ('1'), ('2');
});
$bad = sql('SELECT pgbackup_run()');
like(verify("depth => 'restore'"), qr/^damaged $bad\/public\.odd_rows: The rows of the restored table are not those of the backup\.$/m, 'rows that come back as others');
is(proven($bad), 'f', 'are no proof');
sql('DROP TABLE odd_rows; DROP TYPE odd CASCADE');

# a backup that cannot be restored by its nature is not damaged, and not proven
$bad = sql("SELECT pgbackup_run(content => 'data')");
my ($code, $output, $warning) = $node->psql('postgres', "SELECT status, object FROM pgbackup_verify('latest', 'restore') WHERE status <> 'ok' OR object = '$bad'");
is($output, "not checked|$bad/restore\nnot checked|$bad", 'without definitions it cannot be restored');
like($warning, qr/WARNING:  backups that cannot be proven by a restore: 1 of 1/, 'which is a warning');
system_or_bail('rm', '-r', backup_folder($node, $bad));

# ---- which backups ----

my $other = do { $node->safe_psql('other', 'CREATE EXTENSION pgbackup'); $node->safe_psql('other', 'SELECT pgbackup_run()') };
my $latest = sql('SELECT pgbackup_run()');
is(sql('SELECT object FROM pgbackup_verify()'), $latest, 'the latest is that of this database');
is($node->safe_psql('other', "SELECT object FROM pgbackup_verify('latest logical')"), $other, 'as it is in another one');
is(sql("SELECT string_agg(object, ' ') FROM pgbackup_verify('all')"), sql("SELECT string_agg(id, ' ' ORDER BY id) FROM pgbackup_list()"), 'all of them');
fails_like($node, "SELECT * FROM pgbackup_verify('latest full')", qr/there is no backup to verify/, 'none of a kind');
fails_like($node, "SELECT * FROM pgbackup_verify('20200101-000000L')", qr/backup "20200101-000000L" does not exist/, 'one that is not there');
fails_like($node, "SELECT * FROM pgbackup_verify('newest')", qr/"newest" names no backup\nHINT/, 'a word that is none');
fails_like($node, "SELECT * FROM pgbackup_verify(depth => 'deep')", qr/unknown depth of a verification: "deep"\nHINT/, 'a depth that is none');

# ---- permissions ----

sql('CREATE ROLE clerk LOGIN');
sub as_clerk { my (undef, $o, $e) = $node->psql('postgres', $_[0], extra_params => [ '-U', 'clerk' ]); return $o . $e; }
like(as_clerk('SELECT * FROM pgbackup_verify()'), qr/permission denied for function pgbackup_verify/, 'not for everybody');
sql('GRANT EXECUTE ON FUNCTION pgbackup_verify, pgbackup_schedule TO clerk');
like(as_clerk('SELECT * FROM pgbackup_verify()'), qr/^\Q$latest\E\|ok/, 'a role may be allowed to look');
like(as_clerk("SELECT * FROM pgbackup_verify(depth => 'restore')"), qr/permission denied to verify a backup by restoring it/, 'but not to restore');
like(as_clerk("SELECT pgbackup_schedule('s', '\@daily', kind => 'verify')"), qr/permission denied to verify a backup by restoring it/, 'by no schedule either');
sql('DROP OWNED BY clerk; DROP ROLE clerk');

# ---- by a schedule ----

for my $bad_arguments ("label => 'x'", 'level => 3', "tables => '{t}'")
{
	fails_like($node, "SELECT pgbackup_schedule('v', '\@daily', kind => 'verify', $bad_arguments)", qr/argument "\w+" cannot be used with/, "not for a verification: $bad_arguments");
}
fails_like($node, "SELECT pgbackup_schedule('v', '\@daily', depth => 'restore')", qr/argument "depth" is for schedules of kind "verify"/, 'nor that for a backup');
schedule($node, 'postgres', qq{'proof', '0 0 1 $far_month *', kind => 'verify', retries => 0});
is(sql("SELECT options FROM pgbackup_schedules"), '{"backup":"latest","depth":"restore","jobs":2}', 'what it verifies');
make_due($node, 'postgres', 'proof');
is(wait_for_runs($node, 'postgres', 'proof', 1), 'succeeded 1 0', 'a scheduled verification');
is(run_column($node, 'postgres', 'proof', 'backup'), $latest, 'its row names the backup');
is(run_column($node, 'postgres', 'proof', 'kind || message'), 'verifybackups that were restored and are proven: 1', 'and says how it went');
is(proven($latest), 't', 'which is proven');
flip_bit(backup_folder($node, $latest) . "/" . file_of($latest, 'numbers'), 100);
make_due($node, 'postgres', 'proof');
is(wait_for_runs($node, 'postgres', 'proof', 2), "succeeded 1 0\nfailed 1 0", 'one that finds something fails');
like(sql("SELECT message || detail FROM pgbackup_runs ORDER BY run_id DESC LIMIT 1"), qr/^the verification has found problems: 1\Q$latest\E\/.*: damaged: its CRC-32C/, 'and says what');
system_or_bail('rm', '-r', backup_folder($node, $latest));
sql("SELECT pgbackup_unschedule('proof')");

# ---- in the middle ----

sql(q{
	CREATE ROLE former LOGIN;
	CREATE TABLE slow (id int);
	ALTER TABLE slow OWNER TO former;
	INSERT INTO slow VALUES (1);
	CREATE FUNCTION linger(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
	BEGIN
		IF current_database() LIKE '%incomplete' THEN
			PERFORM pg_catalog.pg_sleep(600);
		END IF;
		RETURN i;
	END $$;
	CREATE INDEX ON slow (linger(id));
});
my $slow = sql('SELECT pgbackup_run()');
sql('DROP TABLE slow; DROP ROLE former');

sub start_verification
{
	my $session = session($node, ["SELECT * FROM pgbackup_verify('latest', 'restore')"]);
	wait_for_phase($node, $slow, 'restoring indexes and constraints');
	$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname LIKE '%incomplete'}) or die;
	return $session;
}

my $session = start_verification();
is(sql("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'former'"), 'f', 'a role that was dropped comes back for the restore, and nobody can log in as it');
like(sql("SELECT string_agg(action || ' ' || reason, ';') FROM pgbackup_expire() WHERE backup = '$slow'"), qr/^keep /, 'a backup that is being verified stays');
my $newer = sql("SELECT pgbackup_run(content => 'all')");
is(sql("SELECT action || ' ' || reason FROM pgbackup_expire(false) WHERE backup = '$slow'"), 'keep somebody reads it', 'also when a newer one replaces it');
is(sql("SELECT pgbackup_cancel('$slow')"), 't', 'it can be cancelled by the backup');
my ($end, undef, $words) = finish_session($session);
like($words, qr/ERROR:  the verification was canceled/, 'which ends the statement');
is(leftovers(), '', 'and leaves nothing');
is(proven($slow), 'f', 'not even a proof');
system_or_bail('rm', '-r', backup_folder($node, $newer));

$session = start_verification();
my $pid = sql("SELECT pid FROM pgbackup_progress WHERE backup = '$slow'");
kill 'KILL', $pid;
finish_session($session);
wait_for(sub { $node->psql('postgres', 'SELECT 1') == 0 }, 'the server to be back');
wait_for(sub { leftovers() =~ /^ *$/ }, 'what it has left to be dropped');
is(leftovers() =~ s/ //gr, '', 'what a crash leaves goes at the next start');
is(proven($slow), 'f', 'and there is no proof');
is((grep { $_ eq $slow } complete_folders($node)), 1, 'the backup is there');

$node->stop;
done_testing();
