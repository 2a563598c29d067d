/**
 * Memory that several gateways share, in Redis or Valkey. Only this entry point needs `@redis/client`.
 *
 * @packageDocumentation
 */

import { importOptional } from 'countersign/node'

export type { RedisMemory, RedisMemoryOptions } from './open-redis-memory.js'

const loaded = await importOptional(
  'countersign-gateway/redis',
  ['@redis/client@6'],
  () => import('./open-redis-memory.js'),
)

/** Connects to Redis or Valkey. @throws Error when this entry point is imported, if `@redis/client` is not installed */
export const openRedisMemory: typeof loaded.openRedisMemory = loaded.openRedisMemory
