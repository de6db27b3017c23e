// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The command `zeropool`: runs programs under the library, and shows what it does for them.

#include "command/arguments.h"
#include "command/children.h"
#include "command/help.h"
#include "command/say.h"
#include "command/table.h"
#include "config/nearest.h"

#include <string.h>

static int refuse(const char *word)
{
    const char *nearest = NULL;
    unsigned least = 3; // names of subcommands are short: more would be another word
    for (const struct zp_command *command = zp_commands; command->name != NULL; command++) {
        unsigned apart = zp_letters_apart(word, strlen(word), command->name, strlen(command->name));
        if (apart < least) {
            least = apart;
            nearest = command->name;
        }
    }
    if (nearest != NULL)
        return zp_wrong("%s is not a command; did you mean %s?", word, nearest);
    return zp_wrong("%.64s is not a command; `zeropool --help` lists them", word);
}

static const char *without_dashes(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ? "help"
           : strcmp(word, "--version") == 0                       ? "version"
                                                                  : word;
}

int main(int count, char **words)
{
    if (count < 2)
        return zp_wrong("no command is named; `zeropool --help` lists them");
    const char *name = without_dashes(words[1]);
    const struct zp_command *command = zp_command_find(name);
    struct zp_arguments arguments;
    int status;
    if (command == NULL)
        return refuse(words[1]);
    zp_say_as(command->name);
    zp_children_expect();
    if (!zp_arguments_read(&arguments, command, words + 2, &status))
        return status;
    return command->run(&arguments);
}
