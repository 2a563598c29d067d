import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Removes outputs whose source was renamed or deleted. tsc keeps them in `dist`, so that a path in a string would continue to work here, and fail
 * in a fresh checkout.
 */
for (const name of readdirSync('packages')) {
  const [source, dist] = ['src', 'dist'].map((folder) => join('packages', name, folder))
  for (const output of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    const [, path] = /^(.+?)\.(?:js|d\.ts)(?:\.map)?$/.exec(output) ?? []
    if (path !== undefined && !['.ts', '.tsx'].some((extension) => existsSync(join(source, path + extension))))
      rmSync(join(dist, output))
  }
}
