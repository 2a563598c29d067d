import { createScriptedUser, decideAs } from '../../server/test/scripted-user.js'

export interface TerminalPerson {
  /** Called with the page that the user is shown. */
  decide: (url: string) => void
  /** What the user's browser shows in the end. */
  page: () => Promise<string>
}

/** A user at a terminal whose browser opens the displayed page, decides there, and follows the redirects. */
export function decidesAt(decision: 'grant' | 'deny'): TerminalPerson {
  const user = createScriptedUser(fetch)
  let show: (page: Promise<string>) => void = () => undefined
  const shown = new Promise<string>((resolve) => {
    show = resolve
  })
  // Not every test awaits the page, and the program may exit before it is loaded.
  shown.catch(() => undefined)
  return {
    page: () => shown,
    decide(url) {
      show(
        decideAs(user, url, decision)
          .then((back) => user.open(back))
          .then((page) => page.text()),
      )
    },
  }
}
