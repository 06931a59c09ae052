"""Phrases of the corpus `stories`: classes of short forms that any event may use as <class>."""

from runnel.data.stories.template import Sequel, parse

_TEXTS: dict[str, str] = {
    # Feelings: adjectives that go after "was" and after "felt".
    "glad": (
        "glad|happy|cheerful|merry|delighted|as happy as a lark|very pleased|warm all over|"
        "as light as a feather|as happy as a king"
    ),
    "sad": (
        "sad|unhappy|miserable|very sad|heavy inside|close to tears|as gloomy as a rain cloud|"
        "cold and small"
    ),
    "afraid": (
        "afraid|frightened|scared|very scared|small and frightened|cold with fear|weak in the knees"
    ),
    "proud": "proud|very proud|as proud as a king|ten feet tall|taller than before|proud and happy",
    "ashamed": "ashamed|sorry|very sorry|very ashamed|hot with shame|guilty|foolish",
    "lonely": "lonely|all alone|left out|forgotten|very lonely|lost and lonely",
    "worried": "worried|very worried|troubled|puzzled|lost",
    "calm": "calm|quiet inside|safe|safe and warm|as calm as a pond",
    # Time.
    "one_morning": (
        "one {weather} morning|one {weather} day|early one {weather} morning|"
        "one {weather} morning after breakfast|on a {weather} morning|one {weather} Monday|"
        "one {weather} Tuesday|one {weather} Friday|one {weather} Saturday|one {weather} Sunday|"
        "on a {weather} day in [spring|summer|autumn|May|June]"
    ),
    "one_dawn": (
        "one morning|one morning in June|early one morning|at dawn|on the first warm day|"
        "one Sunday|on a morning like any other"
    ),
    "a_day": (
        "a {weather} Monday|a {weather} Tuesday|a {weather} Friday|a {weather} Saturday|"
        "a {weather} Sunday|a very {weather} day|the last day of [May|June|summer|the year]"
    ),
    "soon": (
        "soon|before long|after a while|by and by|a little later|in a little while|"
        "a moment later|not long after"
    ),
    "then": (
        "then|all at once|suddenly|just then|at that very moment|in that moment|all of a sudden"
    ),
    "at_last": "at last|finally|in the end|at long last|after a long time",
    "that_night": (
        "that night|that evening|when the stars came out|when it was time for bed|"
        "as the moon rose|after supper|before {he} fell asleep|when the lamps were lit|"
        "late that evening"
    ),
    "ever_after": (
        "from that day on|from then on|ever after that|after that day|all that year|"
        "from that time on|ever since that day"
    ),
    # Ways of going, looking and speaking.
    "ran": "ran|raced|hurried|dashed|rushed|sped|darted|bounded|hopped|galloped",
    "walked": "walked|went|strolled|wandered|marched|trotted|hurried|skipped|ran|hopped",
    "quickly": (
        "at once|right away|without a word|as fast as {he} could|straight away|without looking back"
    ),
    "eagerly": "at once|right away|without thinking|quickly|loudly|as fast as {he} could",
    "slowly": (
        "slowly|step by step|very quietly|bit by bit|with great care|inch by inch|little by little"
    ),
    "looked": "looked|peeked|searched|hunted|dug around|felt around|poked around",
    "smiled": "smiled|laughed|grinned|giggled|chuckled",
    "cried": "cried|called|shouted|exclaimed|yelled",
    "whispered": "whispered|murmured|sighed|mumbled|muttered",
    "kindly": (
        "kindly|gently|softly|with a smile|in a warm voice|and nodded|with a wink|in a friendly way"
    ),
    "gladly": (
        "happily|gladly|with a big smile|with shining eyes|and laughed out loud|"
        "and nodded three times"
    ),
    "sadly": (
        "sadly|with a sigh|in a small voice|and looked at the ground|in a low voice|"
        "and rubbed {his} eyes|and hung {his} head"
    ),
    "dance": (
        "jumped up and down|danced in a circle|did a little dance|laughed and laughed|"
        "gave a loud cheer|threw a hat into the air|jumped like a frog|hopped around the table|"
        "sang a song|ran around in circles"
    ),
    "heart": (
        "{his} heart [beat like a drum|jumped|beat fast]|{his} knees [shook|knocked]|"
        "{he} [held {his} breath|swallowed hard|bit {his} lip]"
    ),
    "tears": (
        "a tear ran down {his} nose|{he} sat down [on a stone|in the grass|right where {he} was|"
        "on a stump] and [cried|hid {his} face]|there were tears in {his} eyes|"
        "{he} tried hard not to cry"
    ),
    # Homes.
    "town_home": (
        "a [small|tall|crooked|narrow|cozy|wooden|stone|shabby] [house|cottage|hut] [by the sea|"
        "at the edge of the village|near the bridge|behind the school|on Apple Lane|"
        "beside the mill|on the market square|on a windy hill|next to the bakery|"
        "across the river]|an old [mill|lighthouse|farmhouse|windmill|inn] [on a hill|"
        "by the river|near the sea|far from town]|[two|three] [cozy|sunny|"
        "tiny] rooms above the [bakery|harbor|school|stable]|a [boat|"
        "ship] that never left the harbor"
    ),
    "wood_home": (
        "a [dry|snug|deep|tidy|dark|mossy|cozy|hidden] {hero.den} [under an old oak|"
        "beside the stream|at the edge of the wood|on a sunny bank|behind the waterfall|"
        "near the pond|among the blackberries|under a beech tree|at the foot of the hill|"
        "in the middle of the forest|below the old wall]"
    ),
    # Small qualities.
    "nicer": "finer|better|louder|dearer",
    "nice": "fine|beautiful|wonderful|perfect",
    "good_heart": (
        "kind|cheerful|curious|clever|brave|gentle|lively|merry|thoughtful|friendly|dreamy|"
        "playful|sleepy|stubborn|shy|hungry|messy|bold|polite|jolly"
    ),
    # Things, creatures and doings of the world.
    "thing": (
        "ball|drum|boat|kite|wagon|puppet|bucket|doll|trumpet|sled|lantern|flute|basket|mirror|"
        "kettle|broom|ladder|blanket|teapot|barrel|chair|clock|candle|bell|hammer|rope|spade|net|"
        "lamp|wheel|fiddle|map|rug|umbrella|hat|scarf|shoe|sock|glove|coat|box|bottle|comb|spoon|"
        "book|key|pot|cup|jug|flag"
    ),
    "animal": "goose|goat|hen|pig|cow|mule|ram|duck|donkey|sheep|horse|rooster|cat|dog|bull|pony",
    "junk": (
        "[an old|a broken|a muddy|a lost|a strange|a tiny|a wet|a dusty|a big|a heavy|somebody's|"
        "a wooden|a spotted|a crooked|a striped|a little|an ugly|a lucky|a torn] <thing>"
    ),
    "junk_cloth": (
        "a [wet|dry|striped|spotted|dusty|old|muddy] [scarf|sock|hat|coat|blanket|shirt|glove|flag]"
    ),
    "beast_up": "a [sleepy|cross|small|fat] [owl|sparrow|wren|robin|squirrel|magpie]",
    "beast": (
        "a [fat|cross|sleepy|muddy|proud|hungry|lost|stubborn|bold|small|quiet|shy|"
        "thirsty] <animal>"
    ),
    "chased": (
        "a [striped|spotted|sleepy|fat|tiny|shiny|lost|bold|little] [butterfly|moth|bumblebee|"
        "beetle|frog|sparrow|robin|ladybug|grasshopper]|a [leaf|feather] that danced in the wind|"
        "a cloud shaped like a <thing>"
    ),
    "snack": (
        "[bread|toast] and [honey|jam|butter|cheese]|a [pancake|cookie|muffin|bun] with [honey|"
        "jam|butter|cheese|berries|cream]|[apple|plum|nut|carrot|lemon|cherry|pumpkin] [cake|pie|"
        "tart]|hot [leek|bean|pea|onion|pumpkin|potato|carrot] soup|a [bowl|pot|"
        "plate] of [porridge|noodles|rice|beans|dumplings]|a plate of [baked|hot|cold|"
        "sweet] [apples|potatoes|beans|nuts|pears]"
    ),
    "drink": "[warm|hot|cold|sweet] [milk|tea|cocoa|cider]|[apple|plum|lemon|cherry] [tea|juice]",
    "topic": (
        "[big|old|lonely|lost|clever|brave|happy|sleepy] [whales|dragons|giants|ghosts|pirates|"
        "kings|bears|owls|frogs]|the [moon|sea|stars|wind|snow|river]|[cheese|thunder|mud|bread|"
        "soup|honey|pancakes]|the best way to [climb a tree|catch a fish|eat a cake|tell a lie|"
        "fall asleep|find a friend]|what [clouds|stars|dreams] are made of|why cats [sing|"
        "sleep all day|laugh]|where the wind goes at night|who lives in the moon|what [fish|owls|"
        "cows] dream about"
    ),
    "game": (
        "tag|leapfrog|hide-and-seek|marbles|catch|pirates|tug-of-war|king of the hill|shadow tag|"
        "follow-the-leader"
    ),
    "chore": (
        "[washing|painting|mending|carrying|looking for|hiding|making|wrapping up|"
        "selling] a <thing>|[picking|counting|washing|selling|eating] [berries|beans|pears|"
        "flowers|nuts|mushrooms|apples|plums]|[baking|eating|cooking] [bread|pancakes|cookies|"
        "pies|dumplings]|taking a nap|chopping wood|peeling [potatoes|onions|apples|carrots]|"
        "[chasing|washing|calling|looking for] a <animal>|reading a [thick|thin|sad|long] book|"
        "digging a [hole|ditch|pond]|sweeping the [yard|step|path|roof]"
    ),
    "smell": "hay|smoke|apples|bread|wet leaves|roses|salt|mint|rain|honey|mushrooms|soup|flowers",
    "dislike": (
        "thunder|wet socks|spiders|cold soup|cold milk|geese|long stories|fog|snow|old cheese"
    ),
    "ill": (
        "a [bad|terrible|heavy] cold|a sore [throat|nose|{friend.foot}|ear]|the [measles|"
        "hiccups]|a bad [cough|stomach]"
    ),
    "ill_all": "a cold|the hiccups|the measles|a cough",
    "delay": (
        "two goats at a wedding|a [dancing|singing|laughing|sleeping] [bear|goat|pig|goose|horse|"
        "dog]|a puppet show|a cart full of [hats|geese|flowers|lanterns|mirrors|cheese]|"
        "a goose with [four|five|six|seven] little ones|a race between two [snails|pigs|ducks|"
        "goats|hens]|a man with a <thing> on his head"
    ),
    "by_night": "before dark|this very day|before supper|before the moon is up",
    "trick": "count to three|open doors|dance on two feet|sing|swim like a duck|jump over a chair",
    "thump": (
        "thump, thump, thump|tap, tap, tap|scratch, scratch|creak, creak|rattle, rattle|"
        "knock, knock"
    ),
    "near": "[old|big|little|broken|last|long] [well|barn|mill|bridge|wall|fence|gate|oak]",
    "spot": (
        "[behind|under|beside|near] the [stove|table|fence|gate|hedge|old wall|well|bench|"
        "woodpile|apple tree|wagon|barn]"
    ),
    "weather_sound": (
        "the wind [sang|hummed|sighed|whistled] in the [chimney|trees|reeds]|an owl [called|"
        "cried|sang] far away|the rain [danced|sang] on the [window|roof|leaves]|the [crickets|"
        "frogs] sang|all was still|a dog barked [once|twice] and was quiet|"
        "the moon [looked in at the window|climbed over the hill]"
    ),
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
