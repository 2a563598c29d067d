import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The slowest test files, slowest first. */
const longest = [
  'packages/server/test/pages/layout.browser.test.ts',
  'packages/server/test/attacks/attacks.test.ts',
  'packages/server/test/attacks/draft-11/person-server-attacks.test.ts',
  'packages/server/test/pages/layout-rtl.browser.test.ts',
  'packages/server/test/storage/postgres/postgres-storage.test.ts',
  'packages/server/test/account-flow.browser.test.ts',
  'packages/server/test/interleaving/interleavings.test.ts',
  'packages/server/test/operators/serve.test.ts',
  'packages/cli/test/mcp-killed.test.ts',
  'packages/server/test/faults/person-kills.test.ts',
  'packages/server/test/operators/postgres.test.ts',
  'packages/server/test/storage/migration.test.ts',
  'packages/server/test/attacks/request-rates.test.ts',
  'packages/server/test/consent-flow.browser.test.ts',
  'packages/server/test/operators/operate.test.ts',
  'packages/cli/test/demo/draft-11.test.ts',
  'packages/cli/test/mcp.test.ts',
  'packages/cli/test/fetch.test.ts',
  'packages/create-countersign/test/create-project.test.ts',
  'packages/server/test/faults/block-emails.test.ts',
  'packages/server/test/passkeys.browser.test.ts',
  'packages/server/test/operators/doctor.test.ts',
  'packages/server/test/operators/proxies.test.ts',
  'packages/server/test/operators/intranet.test.ts',
  'packages/server/test/logos/logos.browser.test.ts',
  'packages/cli/test/sidecar.test.ts',
  'packages/cli/test/gateway/operate.test.ts',
  'packages/server/test/storage/postgres/parallel-verbs.test.ts',
  'packages/server/test/faults/person-steps.test.ts',
  'packages/server/test/storage/sqlite-processes.test.ts',
  'packages/cli/test/demo/run-demo.test.ts',
  'packages/countersign/test/resource/mcp/mcp-node.test.ts',
  'packages/countersign/test/resource/mcp/mcp-sessions.test.ts',
  'packages/gateway/test/create-gateway.test.ts',
  'packages/cli/test/doctor/origin.test.ts',
  'packages/cli/test/doctor/check-answers.test.ts',
]

/** Runs the slowest files first and the many short ones that share a process last, so that no worker is idle at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ moduleId }: TestSpecification) => {
      const rank = longest.findIndex((path) => moduleId.endsWith(`/${path}`))
      return rank === -1 ? longest.length : rank
    }
    return (await super.sort(files)).sort(
      (a, b) =>
        a.project.config.sequence.groupOrder - b.project.config.sequence.groupOrder ||
        Number(b.project.config.isolate) - Number(a.project.config.isolate) ||
        rankOf(a) - rankOf(b),
    )
  }
}
