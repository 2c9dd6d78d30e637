/** A backlog of changes to Parquet against `pg_recvlogical` of the same backlog to nowhere. */
import { rm } from 'node:fs/promises'
import type { BenchRound, Scenario } from './main.ts'
import { measure, measurePortage } from './measure.ts'
import { benchConfig, PAYMENT_DDL, paymentRows, startBenchServer } from './setting.ts'

export const follow: Scenario = async ({ rows, rounds, rowsPerTransaction, say }) => {
  await using bench = await startBenchServer()
  const { client, server, program } = bench
  await client.query(PAYMENT_DDL)
  const done: BenchRound[] = []
  for (let round = 1; round <= rounds; round += 1) {
    await client.query('truncate payment')
    const config = await benchConfig(`follow_${round}`, server.url, 1)
    await measurePortage([...config.args, 'run', config.name, '--once'])
    await client.query("select pg_create_logical_replication_slot('bench_limit', 'pgoutput')")
    await client.query(/* sql */ `
      do $$ begin
        for n in 0 .. ${Math.ceil(rows / rowsPerTransaction) - 1} loop
          ${paymentRows(0, 0).replace('0::bigint, 0::bigint', `n * ${rowsPerTransaction}::bigint + 1, (n + 1) * ${rowsPerTransaction}::bigint`)};
          commit;
        end loop;
      end $$`)
    const { rows: heads } = await client.query<{ lsn: string }>('select pg_current_wal_flush_lsn() as lsn')
    const limit = await measure(program('pg_recvlogical'), [
      `--dbname=${server.url}`,
      '--slot=bench_limit',
      '--start',
      '--file=/dev/null',
      `--endpos=${heads[0]?.lsn ?? ''}`,
      '--option=proto_version=2',
      '--option=binary=true',
      `--option=publication_names=portage_${config.name}`,
    ])
    const ours = await measurePortage([...config.args, 'run', config.name, '--until-current', '--json'])
    const { seconds } = JSON.parse(ours.stdout) as { seconds: number }
    await client.query("select pg_drop_replication_slot('bench_limit')")
    await measurePortage([...config.args, 'remove', config.name, '--yes'])
    await rm(config.dir, { recursive: true, force: true })
    done.push({
      limit: rows / limit.seconds,
      ours: rows / seconds,
      perCpuSecond: rows / ours.cpuSeconds,
      peakBytes: ours.peakBytes,
    })
    await say(done)
  }
  return done
}
