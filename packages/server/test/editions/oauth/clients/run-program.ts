import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { ClientStage } from './client-stage.js'

/** Returns a file of a client, which `npm run clients` has installed in a folder with its id. */
export function installedFile(id: string, path: string): string {
  return join(process.env.OAUTH_CLIENTS ?? '', id, 'node_modules', path)
}

/** A folder for the files that a client writes. */
export function openHome(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-client-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Stops a program, and resolves when it and the programs that it started have let go of their output. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill()
  await closed
}

/** Follows the redirect to a client. A client may start to listen after it has shown the address, because people are slower. */
export async function deliver(callback: URL): Promise<void> {
  const arrives = () =>
    fetch(callback).then(
      ({ ok }) => ok,
      () => false,
    )
  await expect.poll(arrives, { timeout: 20_000 }).toBe(true)
}

/** Opens each address that a client prints for its user, allows what it requests, and follows the redirect. */
export function visitPrinted({ issuer, allow }: ClientStage): (chunk: unknown) => void {
  let text = ''
  const visited = new Set<string>()
  return (chunk) => {
    text += String(chunk)
    for (const [url] of text.matchAll(/http:\/\/[^\s"'<>]+(?=\s)/g)) {
      if (!url.startsWith(`${issuer}/oauth/authorize?`) || visited.has(url)) continue
      visited.add(url)
      void allow(url).then(deliver)
    }
  }
}

/** Runs a command line to its end, with a user who answers yes. Returns what it prints. */
export function runToEnd(
  stage: ClientStage,
  command: string,
  args: string[],
  env: Record<string, string>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, timeout: 60_000 })
    const visit = visitPrinted(stage)
    const printed = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk) => {
        printed[name] += String(chunk)
        visit(chunk)
      })
    }
    child.stdin.end('y\n')
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(printed.stdout)
      else reject(new Error(`exit ${code ?? signal}: ${printed.stderr.trim().split('\n').at(-1)}`))
    })
  })
}
