"""Phrases of the corpus `stories`: classes of short forms that any event may use as <class>."""

from runnel.data.stories.template import Sequel, parse

_TEXTS: dict[str, str] = {
    # Feelings: adjectives that go after "was" and after "felt".
    "glad": "glad|happy|cheerful|merry|delighted|as happy as a lark|very pleased|warm all over|"
    "light as a feather|as pleased as could be",
    "sad": "sad|unhappy|miserable|very sad|heavy inside|close to tears|as gloomy as a rain cloud|"
    "cold and small|quite hopeless",
    "afraid": "afraid|frightened|scared|very scared|small and frightened|cold with fear|terrified|"
    "weak in the knees",
    "proud": "proud|very proud|as proud as a king|ten feet tall|taller than before|proud and happy|"
    "as proud as a peacock",
    "ashamed": "ashamed|sorry|very sorry|very ashamed|hot with shame|guilty|foolish",
    "lonely": "lonely|all alone|left out|forgotten|very lonely|lost and lonely",
    "angry": "angry|cross|very cross|furious|as cross as two sticks|hot with anger|as mad as a wasp",
    "worried": "worried|anxious|uneasy|troubled|very worried|puzzled|at a loss",
    "calm": "calm|quiet inside|at peace|safe|safe and warm|as calm as a pond",
    # Time.
    "one_morning": "one {weather} morning|one {weather} day|early one {weather} morning|"
    "one {weather} morning after breakfast|on a {weather} morning|one {weather} Monday|"
    "one {weather} Tuesday|one {weather} Friday|one {weather} Saturday|one {weather} Sunday|"
    "on a {weather} day in [spring|summer|autumn|March|April|May|June|July|August|September|October]",
    "one_dawn": "one morning|one morning in June|early one morning|at dawn|on the first warm day|one Sunday|"
    "on a morning like any other",
    "a_day": "a {weather} Monday|a {weather} Tuesday|a {weather} Friday|a {weather} Saturday|a {weather} Sunday|"
    "the most {weather} day of the year|the last day of [March|April|May|June|July|August|September|October]",
    "soon": "soon|before long|after a while|by and by|a little later|presently|in a little while|"
    "a moment later|not long after",
    "then": "then|all at once|suddenly|just then|at that very moment|in that moment|all of a sudden",
    "at_last": "at last|finally|in the end|at long last|after a long time",
    "that_night": "that night|that evening|when the stars came out|when it was time for bed|"
    "as the moon rose|after supper|before {he} fell asleep|when the lamps were lit|late that evening",
    "ever_after": "from that day on|from then on|ever after that|after that day|all that year|"
    "from that time on|ever since that day",
    # Ways of going, looking and speaking.
    "ran": "ran|raced|hurried|dashed|scampered|rushed|sped|darted|bounded|hastened|charged|galloped",
    "walked": "walked|went|strolled|wandered|marched|trotted|hurried|skipped|rambled|"
    "tramped|ambled|hiked",
    "crept": "crept|tiptoed|sneaked|stole|slipped|crawled|inched",
    "quickly": "at once|right away|without a word|as fast as {he} could|straight away|in a great hurry|"
    "without looking back|immediately|in a flash|without stopping|as quick as a wink",
    "eagerly": "at once|right away|without thinking|eagerly|quickly|loudly|as fast as {he} could",
    "slowly": "slowly|carefully|step by step|very quietly|on tiptoe|bit by bit|with great care|"
    "inch by inch|little by little",
    "looked": "looked|peeked|peered|searched|hunted|poked about|felt about|rummaged|snooped",
    "smiled": "smiled|laughed|grinned|giggled|chuckled|beamed",
    "cried": "cried|called|shouted|exclaimed|yelled",
    "whispered": "whispered|murmured|sighed|mumbled|muttered|breathed",
    "kindly": "kindly|gently|softly|with a smile|in a warm voice|and nodded|with a wink|"
    "with a chuckle|in a friendly way",
    "gladly": "happily|gladly|cheerfully|with a big smile|with shining eyes|and laughed out loud|"
    "with glee|with a happy squeak",
    "sadly": "sadly|with a sigh|in a small voice|and looked at the ground|in a shaky voice|"
    "and rubbed {his} eyes|with a sniff|glumly|and hung {his} head",
    "dance": "jumped up and down|danced in a circle|did a little dance|laughed with delight|"
    "turned a somersault|gave a loud cheer|skipped for joy|threw a hat into the air|spun like a top|"
    "hopped around the table|whooped|turned a cartwheel",
    "heart": "{his} heart [beat like a drum|thumped|pounded|beat fast|fluttered|hammered]|"
    "{his} knees [shook|wobbled|knocked|trembled]|"
    "{he} [held {his} breath|swallowed hard|bit {his} lip|gulped|shivered]",
    "tears": "a tear ran down {his} [nose|cheek|chin]|{his} lip [began to tremble|trembled|quivered]|"
    "{he} sat down [on a stone|in the grass|right where {he} was|on a stump] and [cried|sobbed|wept|"
    "hid {his} face|sniffled]|{his} eyes filled with tears|{he} tried hard not to cry|"
    "{he} had a lump in {his} throat",
    # Homes.
    "town_home": "a [small|tall|crooked|narrow|cozy|wooden|stone|shabby|neat] [house|cottage|hut] "
    "[by the sea|at the edge of the village|near the bridge|behind the church|on Apple Lane|beside the mill|"
    "on the market square|on a windy hill|next to the bakery|among the vineyards]|"
    "an old [mill|lighthouse|farmhouse|windmill|inn] [on a hill|by the river|near the sea|far from town]|"
    "[two|three] [cozy|drafty|sunny] rooms above the [bakery|harbor|school|stable]|"
    "a [boat|barge] that never left the harbor",
    "wood_home": "a [dry|snug|deep|tidy|dark|mossy|drafty|hidden] {hero.den} [under an old oak|beside the stream|"
    "at the edge of the wood|on a sunny bank|behind the waterfall|near the mill pond|among the blackberries|"
    "under a beech tree|at the foot of the hill|in the middle of the forest|below the old wall]",
    "quick_friend": "at once|quickly|eagerly|bravely|cheerfully|already",
    # Small qualities.
    "nicer": "finer|better|prettier|louder|dearer|more beautiful",
    "little": "little|small|tiny|wee",
    "big": "big|huge|great|enormous|large|mighty|giant",
    "nice": "lovely|fine|beautiful|wonderful|splendid|pretty|perfect|marvelous|charming|delightful|"
    "handsome|excellent",
    "good_heart": "kind|cheerful|curious|clever|brave|gentle|lively|merry|thoughtful|friendly|"
    "dreamy|playful|sleepy|stubborn|shy|hungry|messy|bold|polite|jolly",
    # Things, creatures and doings of the world.
    "beast": "a [fat|cross|sleepy|muddy|proud|hungry|lost|noisy|grumpy|stubborn|bold] "
    "[goose|goat|hen|pig|cow|mule|ram|turkey|duck|calf|rooster]",
    "spot": "[behind|under|beside|near] the [stove|table|fence|gate|hedge|old wall|well|bench|woodpile|apple tree|wagon]",
    "junk": "a [rusty|bent|broken] [spoon|nail|fork|kettle|hinge|key|bell|chain]|an old [boot|hat|comb|broom|letter|tire]|"
    "a [sleepy|grumpy|slimy|startled] [toad|frog|newt|worm|snail]|a [cracked|muddy|broken] [pot|wheel|jug|chair|doll|ladder]|"
    "[two|three|seven] [snails|acorns|beetles|corks|buttons|feathers|walnuts]|a [moldy|rotten|wrinkled] [apple|potato|lemon|"
    "turnip]|half a [hat|sandwich|saw|newspaper|glove|sled]|a [lost|wet|torn] [glove|map|sock|kite|book|umbrella]|"
    "a [family|row|heap] of [ants|stones|mushrooms|mice|bones]",
    "chased": "a [yellow|striped|spotted|lazy|fat|pale|shiny|furry] [butterfly|moth|bumblebee|beetle|"
    "dragonfly|ladybug]|a leaf that danced in the wind|a frog with a very long jump|"
    "a cloud shaped like a [fish|shoe|bear|teapot|camel]|a feather that would not land|"
    "a [brown|fat|bold] [sparrow|robin|wren|finch]|a squirrel with full cheeks",
    "chased_short": "[butterflies|bees|rabbits|clouds|leaves|hens|flies|swallows|kites|trains]",
    "trick": "count to three|open doors|dance on two legs|catch flies|ring a bell|sleep upside down|roll over|carry the mail",
    "thump": "thump, thump, thump|tap, tap, tap|scratch, scratch|bump and bump|creak, creak|rattle, rattle|knock, knock",
    "snack": "[bread|toast|pancakes|crackers|scones|biscuits] [and|with] [honey|jam|butter|cheese|syrup]|"
    "[warm milk|mint tea|cider|hot cocoa|lemonade]|[apple|plum|nut|carrot|lemon|cherry] cake|"
    "hot [leek|bean|pea|onion|pumpkin] soup|berries and cream|a bowl of [porridge|oatmeal|noodles|rice]|"
    "baked [apples|potatoes|beans]|roasted chestnuts",
    "topic": "whales|dragons|the moon|cheese|giants|snow|ghosts|pirates|trains|thunder|the sea|volcanoes|"
    "mermaids|beetles|bread|kings|comets|camels|mud|toothaches|the best way to climb a tree|"
    "what clouds are made of|why cats purr|where the wind goes at night|who lives in the moon|"
    "how to catch a star|what fish dream about",
    "game": "tag|leapfrog|hide-and-seek|marbles|hopscotch|catch|pirates|blindman's buff|tug-of-war|"
    "king of the hill|shadow tag|follow-the-leader",
    "chore": "[picking|counting|sorting] [berries|beans|pears|flowers|nuts|mushrooms|stones]|shelling peas|"
    "sweeping the [yard|step|path|chimney]|[mending|patching|carrying|washing] a [net|fence|shoe|sail|ladder|chair|tent|boat]|"
    "washing [windows|socks|carrots|bottles]|watering the [roses|lettuce|cabbages]|taking a nap|"
    "[hanging out|folding|ironing] the wash|peeling [potatoes|onions|apples]|[stacking|chopping|sawing] wood|"
    "knitting a [sock|cap|blanket]|reading a [thick|thin|funny] book|eating a [pear|radish|pickle|pretzel]|raking leaves|"
    "digging a [hole|ditch|pond]|feeding the [hens|ducks|pigs|fish]|beating a carpet|baking bread|"
    "[painting|scrubbing|fixing] a [gate|bench|bucket|boat|barrel]|oiling a hinge|practicing the [flute|drum|violin]|"
    "[flying|building] a kite|whittling a stick",
    "smell": "hay|smoke|apples|bread|wet leaves|clover|roses|salt|pine needles|mint|rain|honey|mushrooms",
    "dislike": "thunder|wet socks|spinach|spiders|baths|loud noises|cold soup|early mornings|geese|long words|"
    "fog|itchy sweaters|Mondays|sour milk",
    "ill": "a [bad|nasty|heavy] cold|a [sore|swollen] throat|a fever|the [measles|mumps|hiccups]|an earache|"
    "a [dry|barking] cough|a [twisted|sprained|sore] {friend.foot}|a [stiff neck|toothache|stomachache|headache]",
    "ill_all": "a cold|the hiccups|the measles|a cough|a toothache|a birthday|new shoes",
    "delay": "a band of musicians|two goats at a wedding|a juggler with six [plates|eggs|hats]|a [puppet|magic] show|"
    "a man on stilts|a dancing bear|a cart full of melons|a swan with [four|five] cygnets|a balloon seller|"
    "a race between two [snails|pigs|ducks]|a parade of ants|a storyteller",
    "by_night": "tonight|before dark|by bedtime|this very day|before the sun sets|before the moon is up",
    "weather_sound": "the wind [sang|hummed|sighed|whistled] in the [chimney|trees|rafters|reeds]|"
    "an owl [called|hooted] far away|the rain [tapped|drummed|pattered] on the [window|roof|leaves]|"
    "the [crickets|frogs] sang|all was still|a dog barked [once|twice] and was quiet|"
    "the moon [looked in at the window|climbed over the hill]",
}


def _split(text: str) -> tuple[str, ...]:
    """Split at the bars outside brackets."""
    parts, depth = [""], 0
    for char in text:
        depth += (char == "[") - (char == "]")
        if char == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return tuple(parts)


CLASSES: dict[str, tuple[Sequel, ...]] = {
    name: tuple(parse(part) for part in _split(text)) for name, text in _TEXTS.items()
}
