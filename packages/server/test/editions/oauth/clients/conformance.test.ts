import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Handler } from 'countersign/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listenOnLoopback } from '../../../listening-origin.js'
import { type ClientStage, openLoopbackClientStage } from './client-stage.js'
import { conformanceTable, createConformanceHandler } from './conformance-server.js'
import { installedFile, openHome, runToEnd } from './run-program.js'

/** The conformance suite of MCP: `npm run conformance:oauth` installs it and runs this file without a network. */
const clientId = 'https://client.example/oauth/client.json'
const redirectUri = 'http://127.0.0.1:3000/callback'
const document = { client_id: clientId, client_name: 'Conformance', redirect_uris: [redirectUri] }

const openStage = () =>
  openLoopbackClientStage([document], { handler: createConformanceHandler(), table: conformanceTable })

interface Check {
  id: string
  status: string
}

/** The results of a run, by scenario and check. */
type Results = Map<string, string>

const passedIn = (results: Results) => [...results].filter(([, status]) => status === 'SUCCESS').map(([name]) => name)
const failedIn = (results: Results) => [...results].filter(([, status]) => status === 'FAILURE').map(([name]) => name)

async function runSuite(stage: ClientStage, title: string, args: string[]): Promise<Results> {
  const node = installedFile('conformance', `node-${process.platform}-${process.arch}/bin/node`)
  const script = installedFile('conformance', '@modelcontextprotocol/conformance/dist/index.js')
  const folder = openHome()
  const env = { PATH: process.env.PATH ?? '', HOME: folder }
  // It fails if a check fails.
  const printed = await runToEnd(stage, node, [script, ...args, '--output-dir', folder], env).catch(String)
  const results: Results = new Map()
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('checks.json')) continue
    const scenario = path.replace(/-\d{4}-.*/, '')
    for (const { id, status } of JSON.parse(readFileSync(join(folder, path), 'utf8')) as Check[])
      if (results.get(`${scenario} ${id}`) !== 'FAILURE') results.set(`${scenario} ${id}`, status)
  }
  const counts = `${passedIn(results).length} passed, ${failedIn(results).length} failed`
  process.stdout.write(`${title}: ${results.size === 0 ? printed : counts}\n`)
  return results
}

/** Signs in as a client would, and returns an access token for everything. */
async function obtainToken({ issuer, url, allow }: ClientStage): Promise<string> {
  const verifier = randomBytes(32).toString('base64url')
  const shared = { client_id: clientId, redirect_uri: redirectUri, resource: url }
  const request = new URLSearchParams({
    ...shared,
    response_type: 'code',
    scope: 'connect notes.read',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  const { searchParams } = await allow(`${issuer}/oauth/authorize?${request.toString()}`)
  const code = searchParams.get('code') ?? ''
  const body = new URLSearchParams({ ...shared, grant_type: 'authorization_code', code, code_verifier: verifier })
  const response = await fetch(`${issuer}/oauth/token`, { method: 'POST', body })
  return ((await response.json()) as { access_token: string }).access_token
}

/** Serves a handler on a port until the test ends. */
async function serve(handler: Handler): Promise<string> {
  const port = await listenOnLoopback()
  onTestFinished(() => port.close())
  port.serve(handler)
  return `${port.origin}/mcp`
}

describe('the conformance suite', { timeout: 600_000 }, () => {
  it('passes for the auth server', async () => {
    const stage = await openStage()
    const target = ['--url', stage.issuer, '--client-id', clientId, '--resource', stage.url, '-p', '3000']
    const results = await runSuite(stage, 'authorization server', ['authorization', ...target])
    expect(failedIn(results)).toEqual([])
    expect(passedIn(results)).not.toEqual([])
  })

  it.each(['2025-11-25', '2026-07-28'])(
    'passes for a protected MCP server, %s, where it does without',
    async (revision) => {
      const stage = await openStage()
      const token = await obtainToken(stage)
      const withToken = await serve((request) => {
        const headers = new Headers(request.headers)
        headers.set('authorization', `Bearer ${token}`)
        return fetch(new Request(stage.url, new Request(request, { headers })))
      })
      const run = (title: string, url: string) =>
        runSuite(stage, `${title}, ${revision}`, ['server', '--url', url, '--requirements', revision])
      // The server has no tools for some features, whose checks fail with and without protection.
      const unprotected = await run('MCP server without protection', await serve(createConformanceHandler()))
      const guarded = new Set(passedIn(await run('MCP server with protection', withToken)))
      expect(passedIn(unprotected).filter((check) => !guarded.has(check))).toEqual([])
      expect(guarded.size).toBeGreaterThan(0)
    },
  )
})
