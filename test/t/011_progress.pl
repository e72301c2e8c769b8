#
# What pgbackup_progress says while a backup runs that takes some seconds.
#
# test/t/011_progress.pl
#
use strict;
use warnings;

use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');

# Rows and large values, in some tens of megabytes, that level 15 takes its time for; a
# small table, and one without blocks.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE large AS
	SELECT n AS id, md5(n::text) AS a, md5((n + 1)::text) AS b, 'some words that come again' AS c
	FROM generate_series(1, 200000) n;
CREATE TABLE documents AS
	SELECT n AS id, (SELECT string_agg(md5((n * 1000 + i)::text), ' ') FROM generate_series(1, 300) i) AS document
	FROM generate_series(1, 1000) n;
CREATE TABLE small AS SELECT 1 AS id;
CREATE TABLE no_blocks (id integer);
CREATE TABLE samples (at timestamptz, LIKE pgbackup_progress);
CREATE PROCEDURE sample(INOUT id text) LANGUAGE plpgsql AS $$
BEGIN
	id := pgbackup_run(wait => false, jobs => 1, level => 15, exclude_tables => '{samples}');
	COMMIT;
	LOOP
		INSERT INTO samples SELECT clock_timestamp(), * FROM pgbackup_progress WHERE backup = id;
		EXIT WHEN NOT FOUND;
		COMMIT;
		PERFORM pg_sleep(0.02);
	END LOOP;
END $$;
SQL

my $id = $node->safe_psql('postgres', 'CALL sample(NULL)');

is($node->safe_psql('postgres', "SELECT count(*) FROM pgbackup_list() WHERE id = '$id' AND status = 'complete'"),
	1, 'the backup is there when it is no longer running');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pgbackup_progress'), 0, 'then nothing is shown any more');

holds('count(*) > 20', 'there was time to look often');
holds(q{bool_and(kind = 'logical' AND database = 'postgres' AND pid IS NOT NULL AND started_at <= at)}, 'the run is described');
is( $node->safe_psql('postgres', q{SELECT string_agg(phase, ', ' ORDER BY first) FROM (SELECT phase, min(at) AS first FROM samples GROUP BY phase) p
		WHERE phase IN ('dumping schema', 'exporting tables')}),
	'dumping schema, exporting tables', 'the phases come in their order');

# ---- totals ----

# Of pgbackup's own tables those are counted that are exported whole, the others go with
# the schema.
holds(q{bool_and(objects_total = 4 + (SELECT count(*)
		FROM pg_extension, unnest(extconfig, extcondition) AS own (relid, condition) JOIN pg_class c ON c.oid = relid
		WHERE extname = 'pgbackup' AND relkind = 'r' AND condition = '')) FILTER (WHERE phase = 'exporting tables')}, 'all tables are counted');
holds(q{bool_and(bytes_total = (SELECT sum(pg_relation_size(c.oid) + CASE WHEN reltoastrelid <> 0 THEN pg_relation_size(reltoastrelid) ELSE 0 END)
		FROM pg_class c WHERE relname IN ('large', 'documents', 'small'))) FILTER (WHERE phase = 'exporting tables')},
	'all bytes of tables and their TOAST tables are counted');
holds('bool_and(objects_done BETWEEN 0 AND objects_total AND bytes_done BETWEEN 0 AND bytes_total)', 'what is done is within it');
holds('bool_and(percent BETWEEN 0 AND 100)', 'percent is between 0 and 100');
holds(q{bool_or(objects_done = objects_total AND bytes_done >= 0.999 * bytes_total)}, 'in the end all is done');

# ---- movement ----

foreach my $column (qw(objects_done bytes_done percent))
{
	is( $node->safe_psql('postgres', "SELECT count(*) FROM (SELECT $column < lag($column) OVER (ORDER BY at) AS back FROM samples) s WHERE back"),
		0, "$column never goes back");
}
foreach my $table (qw(large documents))
{
	holds("count(DISTINCT percent) FILTER (WHERE current_object = 'public.$table' AND phase = 'exporting tables') >= 5", "percent moves while $table is exported");
}

# ---- the time that is left ----

holds(q{bool_and(eta IS NULL) FILTER (WHERE phase IN ('starting', 'dumping schema'))}, 'nothing is said before there is something to judge by');
holds(q{bool_and(eta >= '0') FILTER (WHERE eta IS NOT NULL)}, 'it is never negative');

# Once a third is done, nine of ten guesses are no more than four times off; the machine
# may have other work in between.
my $guesses = <<'SQL';
	SELECT *, guessed NOT BETWEEN needed / 4 - 0.5 AND needed * 4 + 0.5 AS wrong
	FROM (SELECT percent, round(extract(epoch FROM eta), 2) AS guessed,
			round(extract(epoch FROM (SELECT max(at) FROM samples WHERE phase = 'exporting tables') - at), 2) AS needed
		FROM samples WHERE phase = 'exporting tables' AND percent BETWEEN 33 AND 95) g
SQL
is($node->safe_psql('postgres', "SELECT count(*) FILTER (WHERE wrong) * 10 <= count(*) AND count(*) > 0 FROM ($guesses) g"),
	't', 'the guess is believable')
  or diag($node->safe_psql('postgres', "SELECT percent, guessed, needed FROM ($guesses) g WHERE wrong"));

done_testing();

# A condition over all samples.
sub holds
{
	my ($condition, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return is($node->safe_psql('postgres', "SELECT $condition FROM samples"), 't', $name);
}
