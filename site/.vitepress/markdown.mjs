import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The anchor of a heading, as code hosts generate it, so that links with anchors work there and on the site. */
export function slugify(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

/** HTML is off, since placeholders such as `<url>` would be parsed as tags. Only `<a id="…"></a>`, the anchors of table rows, is rendered. */
function anchors(md) {
  const anchor = /<a id="([\w.-]+)"><\/a>/y
  md.inline.ruler.before('autolink', 'anchor', (state, silent) => {
    anchor.lastIndex = state.pos
    const [all, id] = anchor.exec(state.src) ?? []
    if (all === undefined) return false
    if (!silent) {
      state.push('anchor_open', 'a', 1).attrSet('id', id)
      state.push('anchor_close', 'a', -1)
    }
    state.pos += all.length
    return true
  })
}

/** A comment on its own line, such as the markers of a generated table, is not rendered. */
function comments(md) {
  const isComment = (state, line) =>
    /^<!--.*-->\s*$/.test(state.src.slice(state.bMarks[line] + state.tShift[line], state.eMarks[line]))
  const rule = (state, line, _end, silent) => {
    if (!isComment(state, line)) return false
    if (!silent) state.line = line + 1
    return true
  }
  md.block.ruler.before('table', 'comment', rule, { alt: ['paragraph', 'list', 'table'] })
}

/** Braces in text and inline code are braces: without this, Vue would evaluate what is between them. */
function braces({ renderer: { rules } }) {
  const { text, code_inline: code } = rules
  rules.text = (...args) => text(...args).replaceAll('{{', '&#123;&#123;')
  rules.code_inline = (...args) => code(...args).replaceAll('{{', '&#123;&#123;')
}

/** A picture named `…-light.png` becomes two, of which the theme shows one. */
function darkPictures(md) {
  const image = md.renderer.rules.image
  md.renderer.rules.image = (tokens, index, options, env, self) => {
    const light = tokens[index].attrGet('src')
    const dark = light.replace(/-light\.png$/, '-dark.png')
    const show = (src, name) => {
      tokens[index].attrSet('src', src)
      tokens[index].attrSet('class', name)
      return image(tokens, index, options, env, self)
    }
    if (dark === light || !existsSync(join(dirname(env.path), dark))) return image(tokens, index, options, env, self)
    return show(light, 'light-only') + show(dark, 'dark-only')
  }
}

/** The empty corner of a table is a cell, not a header of nothing. */
function emptyHeaders(md) {
  md.core.ruler.push('empty-headers', ({ tokens }) => {
    for (const [index, token] of tokens.entries())
      if (token.type === 'th_open' && tokens[index + 1].content === '')
        for (const each of [token, tokens[index + 2]]) each.tag = 'td'
  })
}

/** Makes markdown-it render the pages as a code host does. */
export function asOnCodeHosts(md) {
  anchors(md)
  comments(md)
  braces(md)
  darkPictures(md)
  emptyHeaders(md)
}
