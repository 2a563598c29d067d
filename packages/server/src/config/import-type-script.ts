import { execFile } from 'node:child_process'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { ConfigurationError } from './configuration-error.js'

/**
 * Imports a TypeScript module: by Node itself where it can (22.18 and later), else through the compiler of the installed
 * `typescript`, into a folder beside the file that is removed afterwards. Types are taken out and not checked.
 */
export async function importTypeScript(path: string): Promise<unknown> {
  await access(path)
  if ('typescript' in process.features && process.features.typescript) return import(pathToFileURL(path).href)
  const compiler = findCompiler(path)
  if (compiler === undefined) {
    throw new ConfigurationError(path, [
      {
        setting: 'the file',
        problem: `Node ${process.versions.node} does not read TypeScript: use Node 22.18 or later, install typescript beside it, or write it as .json or .mjs`,
      },
    ])
  }
  const folder = await mkdtemp(join(dirname(path), '.countersign-'))
  try {
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    const flags = ['--noCheck', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler']
    await compile([compiler, ...flags, '--outDir', folder, path], folder)
    return await import(pathToFileURL(join(folder, basename(path).replace(/ts$/, 'js'))).href)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function compile(command: readonly string[], cwd: string): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [...command], { cwd })
  } catch (cause) {
    const said = cause instanceof Error && 'stdout' in cause ? String(cause.stdout).trim() : ''
    throw new Error(said === '' ? 'the TypeScript compiler failed' : said, { cause })
  }
}

function findCompiler(path: string): string | undefined {
  for (const from of [path, import.meta.url]) {
    try {
      return join(dirname(createRequire(from).resolve('typescript/package.json')), 'bin', 'tsc')
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')) throw error
    }
  }
  return undefined
}
