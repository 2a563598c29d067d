import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Titles that are too long for the sidebar. */
const shortTitles = {
  'agents/delegates': 'Delegates',
  'agents/desktop-apps': 'Claude Desktop, VS Code',
  'agents/keys': 'Keys, rotation, leaks',
  'agents/which-function': 'Choose a function',
  'agents/workloads': 'Workloads (CI, Kubernetes)',
  'apis/frameworks': 'Express, Fastify, Hono, Koa',
  'apis/limits': 'Rate limits, revocation',
  'apis/mcp-oauth': 'MCP for Claude, ChatGPT',
  'apis/proxies': 'TLS and proxies',
  'apis/request-bodies': 'Bodies and uploads',
  'apis/draft-11': 'Draft -11',
  'get-started/draft-11': 'Draft -11 in ten minutes',
  'apis/subrequests': 'nginx, Caddy subrequests',
}

function titleOf(docs, page) {
  const [, heading] = /^# (.*)$/m.exec(readFileSync(join(docs, `${page}.md`), 'utf8')) ?? []
  if (heading === undefined) throw new Error(`docs/${page}.md has no first heading`)
  return shortTitles[page] ?? heading.replaceAll('`', '')
}

/** The sidebar: every page, as `docs/index.md` lists them, and the entry points of the TypeScript reference. */
export function createSidebar(docs) {
  const [, ...sections] = readFileSync(join(docs, 'index.md'), 'utf8').split(/^### /m)
  const groups = sections.map((section) => {
    const [text] = section.split('\n', 1)
    const pages = Array.from(section.matchAll(/^- \[.*\]\((\S+)\.md\)/gm), ([, page]) => page)
    const items = pages.map((page) => ({ text: titleOf(docs, page), link: `/${page}` }))
    return { text, link: items[0]?.link, items, collapsed: true }
  })
  const api = join(docs, 'reference/api')
  if (existsSync(api)) {
    const pages = readdirSync(api, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'))
    const items = pages
      .map((name) => name.slice(0, -3))
      .filter((name) => name !== 'index')
      // Entry points of a package come before other packages.
      .toSorted((one, other) => (one.replaceAll('/', ' ') < other.replaceAll('/', ' ') ? -1 : 1))
      .map((name) => ({ text: titleOf(docs, `reference/api/${name}`), link: `/reference/api/${name}` }))
    const reference = groups.find(({ text }) => text === 'Reference')
    reference.items.push({ text: 'TypeScript API', link: '/reference/api/', items, collapsed: true })
  }
  return groups
}
