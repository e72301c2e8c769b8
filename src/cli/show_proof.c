/*-------------------------------------------------------------------------
 *
 * show_proof.c
 *	  That a backup was really restored, for people and for programs.
 *
 * src/cli/show_proof.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

#include "repo/proof.h"

/* ---- for people ---- */

static void
print_sentences(const char *first, int count, char **sentences)
{
	for (int i = 0; i < count; i++)
		cli_print_fact(i == 0 ? first : "", sentences[i]);
}

static char *
describe_target(const PgbProof *proof)
{
	if (proof->reached_lsn == 0)
		return NULL;
	return psprintf("LSN %s, timeline %u%s%s", pgb_lsn_to_text(proof->reached_lsn), proof->timeline,
					proof->reached_time == 0 ? "" : ", last commit at ",
					proof->reached_time == 0 ? "" : cli_time(proof->reached_time));
}

void
cli_print_proof(const PgbProof *proof, const char *damage)
{
	if (proof == NULL)
	{
		cli_print_fact("Proven:", damage == NULL ? "never" :
					   psprintf("no: the proof cannot be read: %s", damage));
		return;
	}
	cli_print_fact("Proven:", psprintf("%s, by PostgreSQL %s", cli_time(proof->proven_at),
									   proof->server_version));
	cli_print_fact("Recovered in:", psprintf("%s, checked in %s", cli_duration(proof->recovery_time),
											 cli_duration(proof->check_time)));
	cli_print_fact("Recovered to:", describe_target(proof));
	print_sentences("Checked:", proof->nchecked, proof->checked);
	print_sentences("Not checked:", proof->nunchecked, proof->unchecked);
}

/* ---- for programs ---- */

static void
describe_sentences(PgbJsonWriter *w, const char *name, int count, char **sentences)
{
	pgb_json_array(w, name);
	for (int i = 0; i < count; i++)
		pgb_json_string(w, NULL, sentences[i]);
	pgb_json_end_array(w);
}

void
cli_describe_proof(PgbJsonWriter *w, const PgbProof *proof, const char *damage)
{
	if (proof == NULL)
	{
		pgb_json_null(w, "proof");
		pgb_json_string(w, "proof_damage", damage);
		return;
	}
	pgb_json_object(w, "proof");
	pgb_json_string(w, "proven_at", pgb_time_to_text(proof->proven_at));
	pgb_json_int64(w, "recovery_microseconds", proof->recovery_time);
	pgb_json_int64(w, "check_microseconds", proof->check_time);
	pgb_json_string(w, "server_version", proof->server_version);
	pgb_json_string(w, "reached_lsn",
					proof->reached_lsn == 0 ? NULL : pgb_lsn_to_text(proof->reached_lsn));
	pgb_json_string(w, "reached_time",
					proof->reached_time == 0 ? NULL : pgb_time_to_text(proof->reached_time));
	pgb_json_uint64(w, "databases", proof->databases);
	pgb_json_uint64(w, "tables", proof->ntables);
	pgb_json_uint64(w, "rows", proof->rows);
	pgb_json_uint64(w, "indexes", proof->indexes);
	describe_sentences(w, "checked", proof->nchecked, proof->checked);
	describe_sentences(w, "not_checked", proof->nunchecked, proof->unchecked);
	pgb_json_end_object(w);
	pgb_json_null(w, "proof_damage");
}
