import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { need } from '../../../../test/needs.js'
import { refresh, signForm } from '../attacks/flow.js'
import { identityOf } from '../attacks/party.js'
import { isLong } from '../long.js'
import { openFaultStage } from './fault-stage.js'
import { grantSome, isServed, redeemRest, startLoad } from './load.js'
import { proxyTo } from './proxy.js'
import { itIf, report } from './report.js'
import { startPair } from './standby.js'

const patience = { timeout: 600_000 }
const times = isLong ? 5 : 1

itIf(isLong)(
  'a primary is lost under load: its synchronous standby has everything that was acknowledged (F12)',
  patience,
  async () => {
    need('pg_basebackup')
    const tried = {
      failovers: 0,
      answers: 0,
      'of them 503': 0,
      'decisions shown': 0,
      'tokens given': 0,
      'ms to recover (maximum)': 0,
    }
    const lost: string[] = []
    for (let time = 0; time < times; time += 1) {
      const pair = await startPair()
      const proxy = await proxyTo(pair.primary)
      const stage = await openFaultStage({ database: proxy.url })
      const granted = await grantSome(stage, 4)
      const load = startLoad(stage, granted, { pause: 5 })
      await wait(1000 + Math.random() * 500)
      await pair.failOver()
      const back = performance.now()
      proxy.createOneTimeLink(pair.standby)
      await expect
        .poll(() => load.answers.some(({ what, status, at }) => what === 'redeem' && status === 200 && at > back), {
          timeout: 20_000,
        })
        .toBe(true)
      const recovery = performance.now() - back
      await load.stop()
      expect(recovery).toBeLessThan(5000)
      const wrong = load.answers.filter((answer) => !isServed(answer) && answer.status !== 503)
      lost.push(
        ...wrong.map(({ what, status, text }) => `${what}: ${status} ${text.slice(0, 200)}`),
        ...load.failures.map(({ why }) => why),
        ...(await redeemRest(stage, load.shown)),
      )
      // Every refresh token that was issued works, and a code that was used stays used.
      const given = load.answers.filter(({ what, status }) => what === 'redeem' && status === 200)
      for (const { text } of given) {
        const { refresh_token: token } = JSON.parse(text) as { refresh_token?: string }
        const { status } = token === undefined ? { status: 200 } : await refresh(stage, identityOf(stage.agent), token)
        if (status !== 200) lost.push(`a refresh token: ${status}`)
      }
      for (const { allowed, tokens } of load.shown.filter((shown) => shown.tokens > 0)) {
        const form = new URLSearchParams({
          request_type: 'code',
          code: allowed.code,
          redirect_uri: allowed.redirectUri,
          request_token: allowed.requestToken,
        })
        const { status } = await stage.fetch(await signForm(stage, { by: allowed.by, form }))
        if (status === 200) lost.push(`a code yielded ${tokens + 1} tokens`)
      }
      await stage.expectWhole()
      tried.failovers += 1
      tried.answers += load.answers.length
      tried['of them 503'] += load.answers.filter(({ status }) => status === 503).length
      tried['decisions shown'] += load.shown.length
      tried['tokens given'] += given.length
      tried['ms to recover (maximum)'] = Math.max(tried['ms to recover (maximum)'], Math.round(recovery))
    }
    report('F12', tried, lost)
  },
)
