/**
 * For tests of your own APIs and agents. References in comments: `W12` and `S§9.3` are in `docs/reference/protocol.md`, in the package `countersign`.
 *
 * @packageDocumentation
 */

export { createTestWorld, type TestWorld, type TestWorldOptions } from './create-test-world.js'
export type { TestAgent, TestAgentOptions } from './test-agent.js'
export type { TestFault } from './test-faults.js'
export type { OriginHandler, TestOrigins } from './test-origins.js'
export type { AskedConsent, TestPersonOptions, TestUser } from './test-person.js'
