import { existsSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import type { Reporter } from 'vitest/node'
import { LongestFirst } from './test/longest-first.js'

/** Temporary files lie in memory where there is room: a test kills processes, not machines, and waits for no disk. */
function temporaryFolder(): string {
  const inMemory = '/dev/shm'
  try {
    const { bavail, bsize } = statfsSync(inMemory)
    return bavail * bsize > 2 ** 30 ? inMemory : tmpdir()
  } catch {
    return tmpdir()
  }
}

/** Where tests write down which programs they miss; see `test/needs.ts`. A run that a test starts writes to the same file. */
const skipped = process.env.SKIPPED_TESTS ?? join(tmpdir(), `countersign-skipped-tests-${process.pid}`)

/** Lists last what was skipped, and how to get what is missing. */
const listSkipped: Reporter = {
  onTestRunEnd() {
    if (!existsSync(skipped)) return
    const missing = new Set(readFileSync(skipped, 'utf8').trimEnd().split('\n'))
    rmSync(skipped)
    process.stdout.write(
      `\nTests were skipped that need\n${[...missing]
        .sort()
        .map((line) => `  ${line}\n`)
        .join('')}`,
    )
  },
}

const settings = {
  // These limits detect hangs: a slow machine takes several times as long as a fast one, and is no reason to fail.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // Most objects of a test are soon garbage: with room for them, V8 collects less often, which saves 4% of the CPU time.
  execArgv: ['--max-semi-space-size=64'],
  restoreMocks: true,
  env: { TMPDIR: temporaryFolder(), SKIPPED_TESTS: skipped },
  expect: { poll: { timeout: 30_000 } },
  // What was built runs as it is: to transform it again would take longer than most files' tests.
  server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
}

/** A unit test names the source file it is about; what runs is what was built of it. */
const resolve = { alias: [{ find: /^((?:\.\.\/)+)src\//, replacement: '$1dist/' }] }

/** Tests that compare times: they run after the others, one file after the other. */
const timed = [
  '**/*timing.test.ts',
  '**/hostile-text.test.ts',
  'packages/server/test/pages/script.browser.test.ts',
  'test/bench.test.ts',
  'packages/cli/test/start.test.ts',
  'packages/create-countersign/test/first-json.test.ts',
]

/** Files whose tests leave nothing behind in their process share it: to start one takes longer than most of them run. */
const shared = [
  'packages/countersign/test/{agent,discovery,editions,httpsig,interop,lib,protocol,resource,tokens,tools,vectors,x509}/**/*.test.ts',
  'packages/server/test/*.test.ts',
  'packages/server/test/{accounts,config,consent,http,keys,lib,pages,secrets,sign-in,tokens,editions}/**/*.test.ts',
  'packages/server/test/{account,admission}/**/*.test.ts',
  'packages/server/test/storage/{sql,rows}/**/*.test.ts',
  'packages/server/test/storage/postgres/{connections.defaults,database-failure,migrate,open-failure,pool-driver}.test.ts',
  'packages/gateway/test/{openapi,routes,subrequests}/**/*.test.ts',
  'packages/cli/test/{agent-folder,demo,message-trace,network,terminal}/**/*.test.ts',
  'packages/cli/test/mcp/{consent,messages,server}/**/*.test.ts',
]
/** Files there that use PostgreSQL, start processes or measure CPU time or memory. */
const slow = [
  '**/{edition-keys,form-cost,head-cost,key-rotation,killed,limits,mcp-node,mcp-sessions,run-demo,record-run,demo-page}.test.ts',
  'packages/cli/test/gateway/redis.test.ts',
  'packages/cli/test/demo/draft-11.test.ts',
  'packages/server/test/accounts/identity-provider.test.ts',
  'packages/server/test/editions/draft-11/{faults,flow,long-polls,resource-accounts}.test.ts',
  'packages/server/test/{editions/oauth/registration,tokens/deny-list}.test.ts',
]
/** Files that share a process, too, but open servers or take longer: not of the inner loop, `npm run test:quick`. */
const together = [
  'test/{check-words,mutation-sample,publication,readme}.test.ts',
  'test/{peer,python}/**/*.test.ts',
  'test/interop.test.ts',
  'packages/gateway/test/{assertion,cdn-cache-fields,connections,create-gateway,draft-11,editions,events,forms,headers,identity}.test.ts',
  'packages/gateway/test/{mcp,oauth,oauth-attacks,oauth-clients,redirects,revoked,streams,subrequests,trailers,transport}.test.ts',
  'packages/gateway/test/{probe-path-spellings,upload-room,upstream,upstream-faults}.test.ts',
  'packages/gateway/test/{bodies,config,oracles,redis,responses}/**/*.test.ts',
  'packages/cli/test/{demo-hints,demo-peer,discover,draft-11,gateway,init,inspect,mcp-ask-all,mcp-programs,mcp-protected,npm-ended,private-network,program,workers}.test.ts',
  'packages/cli/test/{sign,sign-and-verify,status,verify}.test.ts',
  'packages/cli/test/{command,commands,connect-device,doctor,editions,fetch,own-agent,serve,sidecar,trace-page}/**/*.test.ts',
  'packages/cli/test/gateway/{init-mcp,mcp-settings,probe}.test.ts',
  'packages/cli/test/mcp/bridge/**/*.test.ts',
  'packages/countersign/test/{agent-server,observability,otel,testing}/**/*.test.ts',
  'packages/countersign/test/attacks/{bearer-attacks,draft-11-agent-attacks,draft-11-attacks}.test.ts',
  'packages/countersign/test/node/{[a-q]*,read-*,reading-*,session-streams}.test.ts',
  'packages/gateway/test/routes/check-request.test.ts',
  'packages/cli/test/{demo/run-story,mcp/messages/framing}.test.ts',
  'packages/countersign/test/{agent/aborted,httpsig/memory-nonces,lib/crypto.web,lib/jwk}.test.ts',
  'packages/countersign/test/discovery/{egress-proxy,fetch-budget}.test.ts',
  'packages/countersign/test/resource/redis.test.ts',
  'packages/countersign/test/x509/**/*.test.ts',
  'packages/server/test/{app-agent,consent-sentences,create-auth-server.error-bodies,refusals}.test.ts',
  'packages/server/test/accounts/{account,entrance,second-factor}.test.ts',
  'packages/server/test/consent/name-caution.test.ts',
  'packages/server/test/editions/draft-11/{agent-rates,interaction,outgoing-revocations,personal-agent-attacks}.test.ts',
  'packages/server/test/editions/draft-11/{revocations,token-requests}.test.ts',
  'packages/server/test/editions/oauth/{authorize,find-client,flow,my-agents,clients/sdk-clients}.test.ts',
  'packages/server/test/attacks/{account-enumeration,callback-attacks,fair-shares,secrets-at-rest}.test.ts',
  'packages/server/test/devices/{device-attacks,device-consent,device-endpoints,personal-agents}.test.ts',
  'packages/server/test/interleaving/decided-at-the-write.test.ts',
  'packages/server/test/logos/logos-entry.test.ts',
  'packages/server/test/operators/{draft-11-setting,email,oauth-setting,operations,policies,restore,systemd,unfinished-bodies,unread-connections}.test.ts',
  'packages/server/test/outbound/**/*.test.ts',
  'packages/server/test/storage/{bytes-per-flow,checkpointer,event-names,postgres-entry,sql-storage,usage}.test.ts',
  'packages/server/test/storage/sqlite-{atomicity,entry,lasting,storage,unusable,violations}.test.ts',
  'packages/server/test/storage/sqlite/{checkpoint,checkpoint.schedule,open-database,writer}.test.ts',
  'packages/server/test/storage/postgres/postgres-rules.test.ts',
  'packages/server/test/storage/{api,verbs}/**/*.test.ts',
]
/** Only `npm run test:long` runs benchmarks, installs and the faults that take long; random kills have their script. */
const long = [
  'test/bench.test.ts',
  'test/runtimes.browser.test.ts',
  'packages/create-countersign/test/first-json.test.ts',
  'packages/server/test/faults/{failover,full-disk,key-origins,random-kills}.test.ts',
]
/** Only `npm run clients`, `npm run conformance:oauth` and `npm run interop` run these: they need programs that those install. */
const installed = [
  ...(process.env.OAUTH_CLIENTS === undefined
    ? ['packages/server/test/editions/oauth/clients/{conformance,program-clients}.test.ts']
    : []),
  ...(process.env.DRAFT_11_PEERS === undefined ? ['packages/server/test/editions/draft-11/peers/*.test.ts'] : []),
]
const never = [
  '**/node_modules/**',
  '**/dist/**',
  '.node24/**',
  ...(process.env.LONG_TESTS === undefined ? long : []),
  ...installed,
]

export default defineConfig({
  test: {
    reporters: ['default', listSkipped],
    // For two cores: some files wait for a browser, a process or a clock.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        resolve,
        test: {
          ...settings,
          name: 'node',
          include: ['packages/*/test/**/*.test.ts', 'packages/*/test/**/*.test.tsx', 'test/**/*.test.ts'],
          exclude: [...timed, ...shared, ...together, ...slow, '**/*.browser.test.ts', ...never],
        },
      },
      {
        resolve,
        test: {
          ...settings,
          name: 'shared',
          include: shared,
          exclude: [...timed, ...together, ...slow, '**/*.browser.test.ts', ...never],
          isolate: false,
          setupFiles: 'test/nothing-enabled.ts',
        },
      },
      {
        resolve,
        test: {
          ...settings,
          name: 'together',
          include: together,
          exclude: [...timed, ...slow, '**/*.browser.test.ts', ...never],
          isolate: false,
          setupFiles: 'test/nothing-enabled.ts',
        },
      },
      {
        resolve,
        test: { ...settings, name: 'slow', include: slow, exclude: never },
      },
      {
        resolve,
        test: {
          ...settings,
          name: 'timed',
          globalSetup: 'test/chromium-server.ts',
          include: timed,
          exclude: never,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve,
        test: {
          ...settings,
          name: 'browser',
          globalSetup: 'test/chromium-server.ts',
          include: ['packages/*/test/**/*.browser.test.ts', 'test/**/*.browser.test.ts'],
          exclude: [...timed, ...never],
        },
      },
    ],
  },
})
