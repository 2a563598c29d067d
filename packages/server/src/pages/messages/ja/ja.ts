import type { en } from '../en/en.js'
import { createCounted, createDuration, createFormats } from '../parts/formats.js'
import { createJoin, phrase } from '../parts/phrase.js'
import { jaAccount } from './account.js'
import { jaBlocks } from './blocks.js'
import { jaProblems } from './problems.js'
import { jaRecovery } from './recovery.js'
import { jaSecondFactor } from './security.js'

const [counted, duration] = [createCounted('ja'), createDuration('ja')]

/** The text of the pages, in Japanese. */
export const ja: typeof en = {
  lang: 'ja',
  dir: 'ltr',
  languageName: '日本語',

  ...createFormats('ja'),
  duration,

  title: (page, serverName) => `${page} – ${serverName}`,
  colon: '：',
  sentences: createJoin(''),
  errorTitle: (title) => `エラー：${title}`,
  theAgent: 'エージェント',
  quoted: (words) => phrase`「${words}」`,

  signIn: 'ログイン',
  signInHeading: (server) => phrase`${server}にログイン`,
  signInReason: (agent, resource) => phrase`${agent}が${resource}へのアクセスを求めています。`,
  signInByLink: (agent, resource) =>
    phrase`このページを開いたリンクによると、${agent}が${resource}へのアクセスを求めています。この内容が正しいかどうかは、ログイン後にこちらで確認します。`,
  signInByUnnamed: (resource) =>
    phrase`このページを開いたリンクによると、あるエージェントが${resource}へのアクセスを求めています。この内容が正しいかどうかは、ログイン後にこちらで確認します。`,
  signInByUnnamedForAny:
    'このページを開いたリンクによると、あるエージェントがアクセスを求めています。この内容が正しいかどうかは、ログイン後にこちらで確認します。',
  signInForAgent: (agent) => phrase`${agent}が、こちらのアカウントでのログインを求めています。`,
  signInNext:
    'ログインすると、求められている内容を確認できます。あなたが許可するまで、新たに許可されることはありません。',
  userName: 'ユーザー名',
  password: 'パスワード',
  passwordAddress: (host) => phrase`このページのアドレスが${host}で始まる場合にだけ入力してください。`,
  passwordStays: (server, agent) => phrase`パスワードが伝わるのは${server}だけです。${agent}に伝わることはありません。`,
  signInProblems: {
    wrong_password: 'このユーザー名とパスワードではログインできません。確認して、もう一度お試しください。',
    throttled:
      '試行回数が多すぎます。しばらくしてからもう一度試すか、以前にログインしたことのあるブラウザをお使いください。お急ぎの場合は、アカウントのロック解除を管理者に依頼してください。',
    provider_failed: 'ログインできませんでした。もう一度試すか、別の方法でログインしてください。',
    provider_denied: 'ログインはキャンセルされました。何も変更されていません。',
    provider_expired: 'ログインに時間がかかりすぎました。もう一度お試しください。',
    provider_not_fresh:
      'もう一度ログインする必要がありますが、ログインし直したことがそのサービスから確認できませんでした。そのサービスでログアウトしてからもう一度試すか、別の方法でログインしてください。',
    step_expired: '時間がかかりすぎました。もう一度ログインしてください。',
    account_disabled: 'このアカウントは無効になっています。管理者にお問い合わせください。',
    passkey_failed: 'そのパスキーではログインできませんでした。もう一度試すか、別の方法でログインしてください。',
  },
  forgotPassword: 'パスワードをお忘れですか？',
  askForPassword: (whom) => phrase`新しいパスワードについては、${whom}にお問い合わせください。`,
  administrator: '管理者',
  passwordProblems: {
    passkey_failed: 'そのパスキーは使えませんでした。もう一度お試しください。',
    wrong_password: 'パスワードが正しくありません。もう一度お試しください。',
    wrong_code: 'コードが正しくないか、すでに使われています。次のコードが表示されてから、もう一度お試しください。',
    throttled: '試行回数が多すぎます。数分待ってから、もう一度お試しください。',
  },
  showPassword: 'パスワードを表示',
  showPasswords: '両方のパスワードを表示',
  signInToAccount: '許可したエージェントを確認するには、ログインしてください。',
  signInAgain: {
    request:
      'データの削除やお金の支払いなど、リスクのある操作が求められています。許可するかどうかを決める前に、もう一度ログインしてください。',
    login: '許可するかどうかを決める前に、もう一度ログインすることが求められています。',
    security: '続けるには、もう一度ログインしてください。',
  },
  otherWays: 'その他のログイン方法',
  signInWith: (provider) => phrase`${provider}でログイン`,
  signInWithPasskey: 'パスキーでログイン',
  usePasskey: 'パスキーを使う',
  lostPasskey: 'パスキーをなくしましたか？',
  askAboutPasskey: (whom) =>
    phrase`アカウントからパスキーを削除するよう、${whom}に依頼してください。それまでは、別の方法でログインして、セッションを確認したり終了したりできます。`,
  passkeyStopped: '操作は完了せず、何も変更されていません。もう一度お試しください。',
  noAccount: (link) => phrase`アカウントをお持ちでない場合：${link}`,

  signUp: 'アカウントを作成',
  signUpHeading: (server) => phrase`${server}のアカウントを作成`,
  signUpReason: 'アカウントがあれば、エージェントに何を任せるかを自分で決められます。',
  signUpNext: 'アカウントがあれば、求められている内容を確認できます。あなたが許可するまで、何も許可されません。',
  email: 'メールアドレス',
  optional: '任意',
  userNameHint: '文字、数字、ピリオド、ハイフンを使えます。',
  emailHint: 'あなたが許可した場合にだけ、エージェントに伝わります。',
  newPassword: '新しいパスワード',
  passwordHint: (minimum) =>
    `${counted(minimum, { other: '# 文字' })}以上。無関係な単語を 3～4 個並べるのがおすすめです。`,
  signUpProblems: {
    username_taken: 'このユーザー名はすでに使われています。別のものを選んでください。',
    username_looks_alike: 'このユーザー名は、ほかの人のものとよく似ています。別のものを選んでください。',
    username_mixed:
      'このユーザー名には、見た目の似た 2 種類の文字が混ざっています。1 つの単語には 1 種類の文字だけを使ってください。',
    username_invalid:
      'このユーザー名は長すぎるか、使えない文字が含まれています。文字、数字、ピリオド、ハイフンを使ってください。',
    email_invalid: 'メールアドレスの形式ではないようです。確認するか、空欄のままにしてください。',
    password_too_short: 'このパスワードは短すぎます。もっと長いものを選んでください。',
    password_too_long: 'このパスワードは長すぎます。もっと短いものを選んでください。',
    password_common: 'このパスワードは多くの人が使っているため、推測されやすくなっています。別のものを選んでください。',
    throttled: 'お使いのネットワークからの試行回数が多すぎます。しばらくしてからもう一度お試しください。',
  },
  recovery: jaRecovery,
  secondFactor: jaSecondFactor,
  haveAccount: (link) => phrase`アカウントをお持ちの場合：${link}`,

  reauthenticate: 'ご本人の確認',
  reauthenticateReason: '続けるには、パスワードをもう一度入力してください。',
  passkeyReason: '続けるには、パスキーを使ってください。',
  passkeyNeededHere: 'このブラウザではパスキーを使えません。パスキーに対応したブラウザでこのページを開いてください。',
  goOn: '続ける',
  cancel: 'キャンセル',

  signedInAs: (user) => phrase`ログイン中：${user}`,
  notYou: '別のアカウント',

  allowTitle: (agentHost) => `${agentHost}を許可しますか？`,
  allowQuestion: (agent, resource) => phrase`${agent}があなたに代わって${resource}にアクセスすることを許可しますか？`,
  allowSignIn: (agent) => phrase`こちらのアカウントで${agent}にログインすることを許可しますか？`,
  allowOwn: (agent) =>
    phrase`${agent}に、こちらのアカウントであなたをログインさせ、あなたに代わって自身のサービスにアクセスすることを許可しますか？`,
  whoAsks: 'リクエスト元',
  callsItself: (name) => phrase`名乗っている名前：${name}`,
  noName: 'このエージェントは名前を示していません。',
  comesFrom: (agent) => phrase`このリクエストは、確かに${agent}から届いたものです。`,
  publishedBy: (agent) =>
    phrase`エージェントの情報は${agent}が公開しています。このリクエストがそこから届いたという証拠はありません。`,
  registeredBy: {
    operator:
      'このエージェントは、このサーバーの運営者が登録しました。このリクエストがそのエージェントから届いたという証拠はありません。',
    itself:
      'このエージェントは自分でここに登録しました。これはどのプログラムにもできることで、エージェントやその名前を保証する人はいません。',
  },
  comesFromCopy: (agent, name) =>
    phrase`このリクエストは、アプリやサーバーなど、${agent}のコピーから届いたものです。${agent}はこれを${name}と呼び、保証しています。`,
  copyOf: (agent, name) => phrase`${agent}（コピー${name}）`,
  notChecked: {
    nothing: '誰が運営しているかは確認していません。',
    name: '名前と運営者は確認していません。',
    logo: 'ロゴと運営者は確認していません。',
    nameAndLogo: '名前、ロゴ、運営者は確認していません。',
  },
  resourceCallsItself: (resource, name) => phrase`${resource}は${name}と名乗っています。この名前は確認していません。`,
  firstTime: 'このエージェントがあなたに許可を求めるのは初めてです。',
  requestedBefore: 'このエージェントは、以前にもあなたに許可を求めています。',
  asked: (ago) => phrase`${ago}のリクエストです。`,
  code: (code) => phrase`コードが表示されたなら、${code}でなければなりません。`,
  allowedBefore: (day) => phrase`このエージェントは${day}に許可しました。`,
  allowedOtherCopy: (day) => phrase`このエージェントは${day}に許可しましたが、このコピーは許可していません。`,
  allowedOnlyCopy: (day) =>
    phrase`このエージェントのコピーは${day}に許可しましたが、エージェント自体は許可していません。`,
  asksForMore: '今回は、さらに多くを求めています。',
  changed: '最後に許可したときから、このエージェントに次の変更がありました：',
  changedForOthers: 'ほかの人が最後に許可したときから、このエージェントに次の変更がありました：',
  changes: {
    keys: '新しい鍵を使っています。',
    redirect_host: '移動先のアドレスが変わりました。',
    name: '名前が変わりました。',
    unnamed: '名前を示さなくなりました。',
  },
  before: (value) => phrase`以前：${value}`,
  saysNothing: (agent) => phrase`${agent}は名前を示しておらず、ウェブサイトもありません。特に慎重に判断してください。`,
  lookAlike: (agent) =>
    phrase`よく確かめてください。${agent}は、a～z 以外の文字を含むアドレスを表しています。このような文字を使うと、あなたの知っているアドレスに見せかけることができます。`,
  claims: {
    brand: (brand, agent) =>
      phrase`「${brand}」は広く信頼されている名前ですが、${agent}は、私たちが把握しているそのアドレスには含まれていません。`,
    address: (address, agent) =>
      phrase`名前は${address}というアドレスのように見えますが、リクエストは${agent}から届いています。`,
    imitation:
      'この名前は、私たちからのメッセージのように見えるかもしれませんが、そうではありません。エージェントが自分で付けた名前で、確認していません。',
  },

  details: '詳細',
  detailsAndNot: '詳細と、できないこと',
  detailAgent: 'エージェント',
  detailDelegate: 'エージェントのコピー（デバイスまたはインスタンス）',
  detailKey: '鍵のフィンガープリント',
  detailResource: 'アクセス先',
  detailPermissions: 'できるようになることの技術的な名前',
  detailCall: '「今回のみ」で許可される内容',
  detailRedirect: '次の移動先',
  agentLinks: 'エージェント自身のページです。内容は確認していません。新しいタブで開きます。',
  homepage: 'ホームページ',
  policy: 'プライバシーポリシー',
  terms: '利用規約',

  able: 'できるようになること',
  ableNothing: (resource) => phrase`${resource}は一覧を示していません。`,
  noDescription: (resource) => phrase`${resource}は説明を示していません`,
  identity: {
    openid: '次回以降、あなたを見分ける',
    profile: '名前とユーザー名を見る',
    email: 'メールアドレスを見る',
  },
  noValue: '登録されていません',
  withheld: '求められていますが、提供しません',
  risks: { read: '閲覧', change: '変更', delete: '削除', spend: '支払い', control: '完全な制御' },
  isNew: '新規',
  kept: '引き続きできること：',
  leftOut: '少し前にあなたが削除したため、次の権限は削除されたままになります：',
  notAble: 'できないこと',
  notSeePassword: 'パスワードを見る',
  notGetPassword: '私たちからパスワードを受け取る',
  notRequested: '求められていません',
  notElsewhere: 'あなたが使うほかのサービスにアクセスする',
  alreadyElsewhere: (services, myAgents) => phrase`すでに${services}にアクセスできます（${myAgents}を参照）。`,
  alreadySignsIn: (myAgents) =>
    phrase`すでに、このエージェントにこちらのアカウントでログインできます（${myAgents}を参照）。`,
  moreServices: (count) => counted(count, { other: 'ほか # 件' }),
  howLong: '期間',
  untilRemoved: '削除するまで',
  once: '今回のみ',
  onceAllows: (call, seconds) =>
    phrase`「今回のみ」で許可されるのは、${duration(seconds)}以内に 1 回だけ行う${call}に限られます。`,
  onceSends: '一緒に送信される内容も変更できませんが、私たちがその内容を見ることはできません。',
  askedAgain: '次回このエージェントを接続するときは、もう一度確認します。',
  whileAway: 'あなたが操作していないときにも使われることがあります。',
  removeIn: (myAgents) => phrase`${myAgents}でいつでも削除できます。`,
  worksOn: (seconds) => `その後も使える場合があります（最長 ${duration(seconds)}）。`,
  myAgents: 'マイエージェント',

  loopback: (port) =>
    phrase`回答は、このデバイスのアプリ（ポート ${port}）に送信されます。ご自身で今起動したアプリの場合にだけ、続けてください。`,
  bearer: 'このアクセス権は 1 つのプログラムに限定されていません。コピーした人は誰でも、期限が切れるまで使えます。',
  anyProgram: (port) =>
    phrase`目の前のコンピューターにあるプログラム（ポート ${port}）がアクセス権を受け取ります。そのコンピューターで今起動したプログラムの場合にだけ、許可してください。このブラウザからアドレスをコピーするよう誰かに頼まれても、応じないでください。そのアドレスにはアクセス権が含まれています。`,
  elsewhere: (redirect, agent) =>
    phrase`回答は、${agent}とは別のアドレスである${redirect}に送信されます。想定どおりの場合にだけ、続けてください。`,
  toldToOpen: (deny) =>
    phrase`このエージェントに、今何かを依頼しましたか？ 人やメッセージ、電話での指示でこのページを開いた場合は、${deny}を選んでください。`,
  dangerous: (agent, what) =>
    phrase`許可すると、${agent}は${what}を行えるようになります。必要な理由がわかる場合にだけ、許可してください。`,
  dangers: { delete: 'データの削除', spend: 'あなたのお金の支払い', control: '完全な制御' },
  passkeyAgain: '許可するには、パスキーで確認してください。',
  passkeyNeeded: 'このブラウザではパスキーを使えません。パスキーに対応したブラウザでリクエストを開いてください。',
  passwordAgain: '許可するには、パスワードをもう一度入力してください。',
  deny: '許可しない',
  allow: '許可する',
  goBackTo: (redirect) => phrase`${redirect}に戻ります`,
  goOnTo: (redirect) => phrase`${redirect}に進みます`,
  endsAt: (time) => phrase`このリクエストの期限は ${time} です。`,
  endsSoon: (time) => phrase`まもなくこのリクエストの期限（${time}）になります。時間を延長できます。`,
  extend: '時間を延長する',

  forbids: '管理者がこれを許可していません。',
  askContact: (contact) => phrase`必要な場合は、${contact}にお問い合わせください。`,
  goBack: '戻る',

  returnToApp: 'アプリに戻る',
  appAllowed: (agent) => phrase`${agent}からのリクエストは許可されました。`,
  appDenied: (agent) => phrase`${agent}からのリクエストは許可されませんでした。`,
  appNext: 'アプリを開いて完了してください。その後、このページは閉じてかまいません。',

  help: 'ヘルプ',
  report: 'このエージェントを報告',
  privacy: 'プライバシー',
  language: '言語',

  account: jaAccount,
  problems: jaProblems,
  blocks: jaBlocks,
  nowSignedInAs: (user) => phrase`現在、${user}としてログインしています`,
  continueAs: (user) => phrase`${user}として続ける`,
  switchAccount: '別のアカウントを使う',
  canRemove: '許可するつもりがなかった場合は、アクセス権を削除してください。',
  tryAgain: 'もう一度試す',
  reference: (id) => phrase`参照番号：${id}`,
}
