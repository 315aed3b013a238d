/** Words without a subject: articles, pronouns, prepositions, conjunctions, auxiliary verbs. */
export type StopWords = ReadonlySet<string>;

function words(list: string): StopWords {
  return new Set(list.trim().split(/\s+/));
}

/** The stop words of Lucene's EnglishAnalyzer: 33, unchanged since Lucene 1. */
export const english: StopWords = words(`
  a an and are as at be but by for if in into is it no not of on or such that the their then there
  these they this to was will with
`);

export const danish: StopWords = words(`
  af alle alt at blev blive bliver da de dem den denne der deres det dette dig din disse dog du efter
  eller en end er et for fra ham han hans har havde have hende hendes her hos hun hvad hvis hvor i
  ikke ind jeg jer jo kan man med meget men mig min mit mod ned noget nogle nu når og også om op os
  over på selv sig skal skulle som så til ud under var vi vil ville vor være
`);

export const dutch: StopWords = words(`
  aan al als bij dan dat de der deze die dit door een en er had haar heb hebben heeft hem het hier
  hij hoe hun ik in is ja je kan maar me meer men met mij mijn na naar niet nog nu of om omdat ons ook
  op over te tegen toch toen tot u uit uw van veel voor want waren was wat we wel werd wezen wie wij
  wil worden wordt zal ze zelf zich zij zijn zo zonder zou
`);

export const finnish: StopWords = words(`
  ei eivät emme en et ette että he hän häneen hänelle hänen hänestä hänet ja jos joka jonka jossa jota
  jotka kanssa koska kuin kun me meidän mikä minun minä minulle minut mitä mukaan mutta myös ne niiden
  niin niitä nyt näitä nämä ole olen olet oli olivat olla on ovat se sekä sen siinä siitä sille sinä
  sitä tai te tuo tämä tämän tässä tätä vaan vai vaikka
`);

export const french: StopWords = words(`
  à ai as au aux avec avait avoir ce ces cet cette c d dans de des donc du elle elles en es est et eu
  eux être étaient était il ils j je l la le les leur leurs lui m ma mais me mes moi mon n ne nos
  notre nous on ont ou par pas pour qu que qui s sa sans se sera ses si son sont sur t ta te tes toi
  ton tu un une vos votre vous y
`);

export const german: StopWords = words(`
  aber alle allem allen aller als also am an auch auf aus bei bin bis bist da damit dann das dass daß
  dein dem den der des dessen dich die dies diese diesem diesen dieser dieses dir doch dort du durch
  ein eine einem einen einer eines er es euch euer für hab habe haben hat hatte hatten hier hin ich
  ihm ihn ihnen ihr ihre ihrem ihren ihrer im in ins ist ja jede jedem jeden jeder jedes jene kann
  kein keine keinem keinen keiner können mein mich mir mit muss nach nicht noch nun nur ob oder ohne
  sehr sein seine seinem seinen seiner selbst sich sie sind so solche soll sollte sonst über um und
  uns unser unter vom von vor war waren warst was weil wenn werde werden wie wieder will wir wird wo
  würde würden zu zum zur zwar zwischen
`);

export const hungarian: StopWords = words(`
  a abban ahol akik aki akkor amely ami amit arra az azok azon azt azzal be csak de e egy egyéb el
  ellen elő első ez ezek ezen ezt ezzel fel ha hanem hogy hogyan ide igen ill illetve is itt ki kell
  le lehet lenne lesz lett maga meg mely melyek mert mi miért mint mit mivel még már más nagyon ne nem
  nincs ők ön össze pedig rá s sem semmi ő szerint és így úgy vagy vagyis valami van vannak vele volna
  volt voltak
`);

export const italian: StopWords = words(`
  a abbia ad agli ai al alla alle allo anche aveva avere c che chi ci coi col come con contro cui d da
  dagli dai dal dalla dalle dallo degli dei del della delle dello di dov dove e è ed era erano essere
  fra fu gli ha hanno ho i il in io l la le lei li lo loro lui ma mi mia mie miei mio ne negli nei nel
  nella nelle nello noi non nostra nostro o per perché più quale quanto quella quelle quelli quello
  questa queste questi questo s se sei si sia siamo siete sono sta su sua sue sugli sui sul sulla
  sulle sullo suo suoi ti tra tu tua tuo tutti tutto un una uno v vi voi
`);

export const norwegian: StopWords = words(`
  alle at av bare begge ble bli blir både da de deg dei dem den denne der dere deres det dette di din
  disse ditt du dykk då eg ein eit eller en enn er et ett etter for fordi fra frå før ha hadde han
  hans har henne hennes her hun hva hvem hver hvis hvor hvordan hvorfor i ikke ikkje inn ja jeg kan
  kva man me med meg men mi min mine mitt mot må ned no noe noen nå når og også om opp oss over på
  sa seg selv si sin sine sitt skal skulle slik som så til ut uten var vart vere vi vil ville vår være
  vært
`);

export const portuguese: StopWords = words(`
  a à ao aos aquela aquele aqueles as às até com como da das de dela dele deles depois do dos e é ela
  elas ele eles em entre era eram essa esse esta está estão estas este estes eu foi foram fosse há isso
  isto já lhe lhes mais mas me mesmo meu meus minha muito na nas não nem no nos nós nossa nosso num
  numa o os ou para pela pelas pelo pelos por qual quando que quem são se seja sem ser será seu seus só
  sua suas também te tem têm teu tinha tu tua um uma você vocês vos
`);

export const romanian: StopWords = words(`
  a acea aceasta această acest acesta aceste acești al ale am ar are aș asta astfel asupra au avea
  avem ați că căci când care cât ce cea cei cel cele celor către ce cine cu cum da dacă dar de deci
  deși din după e ea ei el ele este eu fără fi fie fiind fost i iar îi îl îmi în înainte între îți la
  le li lor lui mai mă mea mei mele meu mi ne ni nici noastră noi nostru nu o ori pe pentru prin sa
  să sau se și sunt spre sub sunteți suntem ta tu un una unei unor unui va vă voi vom vor
`);

export const russian: StopWords = words(`
  а без более бы был была были было быть в вам вас весь во вот все всё всего всех вы где да даже для до
  его ее её ей если есть еще ещё же за здесь и из или им их к как ко когда кто ли либо мне может мы на
  над надо наш не него нее неё нет ни них но ну о об однако он она они оно от очень по под при с со так
  также такой там те тем то того тоже той только том ты у уже хотя чего чей чем что чтобы чье чья эта
  эти это этого этой этом этот я
`);

export const spanish: StopWords = words(`
  a al algo algunas algunos ante antes como con contra cual cuando de del desde donde durante e el él
  ella ellas ellos en entre era eran es esa esas ese eso esos esta está están estas este esto estos
  fue fueron ha había han hasta hay la las le les lo los más me mi mí mis mucho muy nada ni no nos
  nosotros nuestra nuestro o os otra otro para pero poco por porque que qué quien se sea ser si sí
  sido sin sobre son su sus también tanto te tenía ti tiene todo todos tu tú tus un una uno unos vos
  y ya yo
`);

export const swedish: StopWords = words(`
  alla allt att av blev bli blir de dem den denna deras dess dessa det detta dig din dina ditt du där
  då efter ej eller en er era ert ett från för ha hade han hans har henne hennes hon honom hur här i
  icke ingen inom inte jag ju kan kunde man med mellan men mig min mina mitt mot mycket ni nu när
  någon något några och om oss på samma sedan sig sin sina sitt själv skulle som så sådan till under
  upp ut utan vad var vara varför varit varje vars vem vi vid vilka vilken vilket vår våra vårt än är
  åt över
`);

export const turkish: StopWords = words(`
  acaba ama aslında az bana bazı belki ben beni benim bir biri birkaç birçok biz bizi bizim bu buna
  bunda bundan bunlar bunu bunun çok çünkü da daha de defa değil diye en eğer gibi hem hep hepsi her
  hiç için ile ise kez ki kim kimi mı mu mü mi nasıl ne neden nerede nereye niye o olan olarak oldu
  olduğu olur ona ondan onlar onu onun sana sanki sen seni senin siz sizi sizin şey şu şunu tüm ve
  veya ya yani
`);
