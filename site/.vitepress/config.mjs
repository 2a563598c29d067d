import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { asOnCodeHosts, slugify } from './markdown.mjs'
import { createSidebar } from './navigation.mjs'

const docs = fileURLToPath(new URL('../../docs', import.meta.url))

/** The base path of the site, such as `/countersign/`, if it is not the root of its host. */
const base = process.env.DOCS_BASE ?? '/'

/** The pages are outside of this folder, from where Vue would not be found. What renders them on the server imports it from here. */
const vueFromHere = {
  name: 'vue-from-here',
  enforce: 'pre',
  resolveId: (id, _importer, { ssr }) =>
    ssr && /^vue(?:\/server-renderer)?$/.test(id) ? { id, external: true } : null,
}

export default defineConfig({
  srcDir: '../docs',
  base,
  title: 'Countersign',
  description: 'Agent authorization with user consent for TypeScript',
  lang: 'en',
  lastUpdated: false,
  metaChunk: true,
  // Files that pages link to, such as a proxy's configuration, are copied below.
  ignoreDeadLinks: [(url) => existsSync(join(docs, 'deployment', url.slice(url.lastIndexOf('/') + 1)))],
  markdown: {
    html: false,
    anchor: { slugify },
    toc: { slugify },
    headers: { slugify },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config: asOnCodeHosts,
  },
  vite: { plugins: [vueFromHere] },
  themeConfig: {
    nav: [
      { text: 'Introduction', link: '/introduction/why' },
      { text: 'Get started', link: '/get-started/first-agent' },
      { text: 'Compare', link: '/introduction/compare' },
      { text: 'Reference', link: '/reference/command-line' },
    ],
    sidebar: createSidebar(docs),
    outline: { level: [2, 3] },
    externalLinkIcon: false,
    search: { provider: 'local' },
    docFooter: { prev: 'Previous', next: 'Next' },
  },
  buildEnd({ outDir }) {
    cpSync(join(docs, 'deployment'), join(outDir, 'deployment'), { recursive: true })
  },
})
