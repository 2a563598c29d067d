import { createScriptedUser, decideAs } from '../../server/test/scripted-user.js'

export interface TerminalPerson {
  /** Called with the page that they are shown. */
  decide: (url: string) => void
  /** What their browser shows in the end. */
  page: () => Promise<string>
}

/** A person at a terminal whose browser opens the page that they are shown, decides there, and goes where it is sent. */
export function decidesAt(decision: 'grant' | 'deny'): TerminalPerson {
  const user = createScriptedUser(fetch)
  let show: (page: Promise<string>) => void = () => undefined
  const shown = new Promise<string>((resolve) => {
    show = resolve
  })
  // Not every test looks at the page, and the program may end before it is there.
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
