import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { chromium } from 'playwright-core'
import { shrinkPng } from './shrink-png.mjs'

/**
 * Takes the pictures of the documentation from the demo, in light and dark: the consent page, My agents, and the terminal in which
 * `countersign fetch` waits for consent; and from an auth server, the consent pages for clients that use OAuth. The demo must be able to
 * use its ports, and the auth server port 8008.
 */
const folder = resolve('docs/pictures')
const command = resolve('packages/cli/bin/countersign.js')
const work = mkdtempSync(join(tmpdir(), 'countersign-pictures-'))
const authServer = 'http://127.0.0.1:8003'
const agent = 'http://127.0.0.1:8004'
const started = []

/** Runs the command in the temporary folder, in a terminal that is 90 columns wide. */
function start(...words) {
  const line = ['node', command, ...words].map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['-qefc', `stty cols 90; ${line}`, '/dev/null'], {
    cwd: work,
    env: { ...process.env, NO_COLOR: '1', COUNTERSIGN_HOME: join(work, 'home'), DISPLAY: '', WAYLAND_DISPLAY: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  started.push(child)
  const running = { child, output: '', ended: new Promise((ended) => child.on('close', ended)) }
  child.stdout.on('data', (data) => (running.output += data))
  return running
}

/** What a program printed, once it contains this. */
async function printed(running, pattern) {
  for (let tries = 0; tries < 300; tries++) {
    if (pattern.test(running.output)) return running.output
    await new Promise((later) => setTimeout(later, 100))
  }
  throw new Error(`the program did not print ${pattern}: ${running.output}`)
}

async function picture(page, name, colorScheme) {
  const path = join(folder, `${name}-${colorScheme}.png`)
  await page.emulateMedia({ colorScheme })
  const png = shrinkPng(await page.screenshot({ fullPage: true }))
  if (png.length > 120_000) throw new Error(`${path} would have ${png.length} bytes: 120,000 is the limit`)
  writeFileSync(path, png)
}

async function inBoth(page, name) {
  for (const colorScheme of ['light', 'dark']) await picture(page, name, colorScheme)
}

/** The text of a terminal as a page. */
function terminalPage(text) {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<meta charset="utf-8"><style>
    :root { color-scheme: light dark; background: light-dark(#fff, #0d1117); color: light-dark(#1f2328, #e6edf3) }
    pre { font: 14px/1.5 'DejaVu Sans Mono', monospace; margin: 0; padding: 16px; white-space: pre-wrap; overflow-wrap: anywhere }
  </style><pre>${escaped}</pre>`
}

const oauthServer = 'http://127.0.0.1:8008'
const resource = 'https://notes.example/mcp'

/** Clients that use OAuth: one that runs on the user's computer, and one that is a website. */
const oauthClients = {
  'consent-oauth-program': {
    name: 'Code helper',
    id: 'https://code.example/oauth/client.json',
    back: 'http://127.0.0.1:53123/callback',
  },
  'consent-oauth-website': {
    name: 'Chat helper',
    id: 'https://chat.example/oauth/client.json',
    back: 'https://chat.example/callback',
  },
}

/** Starts an auth server that lets these clients in, with the demo's user. */
async function startOAuthServer() {
  const config = {
    issuer: oauthServer,
    allowInsecureLoopback: true,
    database: 'auth.db',
    masterKeyFile: 'master.key',
    oauth: {
      clients: Object.values(oauthClients).map(({ name, id, back }) => ({
        client_id: id,
        client_name: name,
        redirect_uris: [back],
      })),
      resources: [
        {
          resource,
          resource_name: 'Notes',
          scope_descriptions: { 'notes.read': 'See your notes', 'notes.write': 'Change your notes' },
        },
      ],
    },
  }
  writeFileSync(join(work, 'countersign.config.json'), JSON.stringify(config))
  await start('server', 'keys', 'generate-master', '--output', 'master.key').ended
  await printed(start('server', 'start', '--config', 'countersign.config.json'), /Serving /)
  const add = ['server', 'users', 'add', 'testuser', '--config', 'countersign.config.json', '--password-stdin']
  const { status, stderr } = spawnSync(process.execPath, [command, ...add], {
    cwd: work,
    input: 'testpass',
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the user was not added: ${stderr}`)
}

function authorizationUrl({ id, back }) {
  const parameters = {
    response_type: 'code',
    client_id: id,
    redirect_uri: back,
    code_challenge: createHash('sha256').update(id).digest('base64url'),
    code_challenge_method: 'S256',
    scope: 'notes.read notes.write',
    resource,
  }
  return `${oauthServer}/oauth/authorize?${new URLSearchParams(parameters)}`
}

async function signIn(page) {
  await page.fill('[name=username]', 'testuser')
  await page.fill('[name=password]', 'testpass')
  await page.press('[name=password]', 'Enter')
  await page.locator('button[value=grant]').scrollIntoViewIfNeeded()
  // The button counts only after it was visible for a while (attack C12).
  await page.waitForTimeout(1000)
}

const executablePath = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
try {
  await printed(start('demo', '--serve'), /Press Ctrl-C/)
  await start('agent', 'init', '--id', agent, '--auth-server', authServer, '--name', 'Calendar helper').ended
  const request = `http://127.0.0.1:8002/data-auth`
  const fetching = start('fetch', request)
  await printed(fetching, /Waiting for you/)
  const shown = stripVTControlCharacters(fetching.output).replaceAll('\r', '')
  const [url] = new RegExp(`${authServer}/\\S+`).exec(shown)

  const terminal = await browser.newPage({ viewport: { width: 760, height: 100 } })
  await terminal.setContent(terminalPage(`$ countersign fetch ${request}\n${shown}`))
  await inBoth(terminal, 'terminal')

  const page = await browser.newPage({ viewport: { width: 560, height: 400 } })
  await page.goto(url)
  await signIn(page)
  await inBoth(page, 'consent')
  await page.click('button[value=grant]')
  await fetching.ended
  await page.goto(`${authServer}/`)
  await inBoth(page, 'agents')

  await startOAuthServer()
  for (const [name, client] of Object.entries(oauthClients)) {
    const context = await browser.newContext({ viewport: { width: 560, height: 400 } })
    const consent = await context.newPage()
    await consent.goto(authorizationUrl(client))
    await signIn(consent)
    await inBoth(consent, name)
    await context.close()
  }
} finally {
  await browser.close()
  for (const child of started) child.kill()
  rmSync(work, { recursive: true, force: true })
}
